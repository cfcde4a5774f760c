"""The commands that act on builds at the fake CircleCI: rerun, cancel, approve, trigger."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.testing import sample_runs
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas.actions import held
from tests.support.app_fixture import RED_TO_WEB, TOKEN
from tests.support.cli_runner import Terminal, served
from tests.testing.test_fake_circleci import MONDAY

READER_TOKEN = "an-invented-token-of-a-reader"


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, reader_token=READER_TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI, migrated: Path) -> Iterator[Terminal]:
    """Return a terminal with a token, and an empty history."""
    with served(fake) as address:
        terminal.configure(RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address)
        (terminal.folder / "data").mkdir(exist_ok=True)
        shutil.copy(migrated, terminal.folder / "roundsman.db")
        yield terminal


@pytest.fixture
def red(fake: FakeCircleCI) -> Run:
    run = sample_runs.web_main_red(MONDAY)
    fake.run_finished(run)
    return run


def posts(fake: FakeCircleCI) -> list[str]:
    return [call.path for call in fake.calls if call.method == "POST"]


def test_rerun_from_failed_names_the_new_workflow(operator: Terminal, fake: FakeCircleCI, red: Run) -> None:
    said = operator.run("rerun", red.workflow_id, "--from-failed", "--yes", "--json")

    assert (said.code, said.json["outcome"], said.json["act"]) == (0, "done", "rerun_failed")
    assert said.json["workflow"] == replace(red, attempt=2).workflow_id
    assert posts(fake) == [f"/workflow/{red.workflow_id}/rerun"]


def test_nothing_is_asked_for_without_an_answer_to_the_question(
    operator: Terminal, fake: FakeCircleCI, red: Run
) -> None:
    said = operator.run("rerun", red.workflow_id)

    assert said.code == 2
    assert "add --yes" in said.err
    assert not posts(fake)


@pytest.mark.parametrize("words", [("rerun", "--from-failed"), ("cancel",), ("approve",), ("cancel", "--job", "hold")])
def test_act_that_makes_no_sense_in_the_present_state_is_not_asked_for(
    operator: Terminal, fake: FakeCircleCI, words: tuple[str, ...]
) -> None:
    green = replace(sample_runs.web_main_red(MONDAY), status="success")
    fake.run_finished(green)

    said = operator.run(words[0], green.workflow_id, *words[1:], "--yes")

    assert said.code == 1
    assert "the workflow is success at CircleCI: " in " ".join(said.err.split())
    assert not posts(fake)


def test_approval_is_given_and_read_back(operator: Terminal, fake: FakeCircleCI) -> None:
    run = held()
    fake.run_finished(run)

    said = operator.run("approve", run.workflow_id, "--yes")
    again = operator.run("approve", run.workflow_id, "--yes")

    assert said.code == 0
    assert " ".join(said.out.split()) == "approve: done; CircleCI answered: Accepted. The job is success."
    assert list(fake.actions.approved.values()) == [ADA.id]
    assert again.code == 1


def test_workflow_is_canceled_and_read_back(operator: Terminal, fake: FakeCircleCI) -> None:
    run = held()
    fake.run_finished(run)

    said = operator.run("cancel", run.workflow_id, "--yes", "--json")

    assert (said.code, said.json["outcome"]) == (0, "done")
    assert said.json["sentence"] == "CircleCI answered: Accepted. The workflow is canceled."


def test_token_that_may_only_read_is_refused_with_the_reason(operator: Terminal, fake: FakeCircleCI, red: Run) -> None:
    fake.faults.next("/workflow/*/rerun", broken(404, "Not found"))

    said = operator.run("rerun", red.workflow_id, "--yes", "--json")

    assert (said.code, said.json["outcome"]) == (1, "refused")
    assert said.json["sentence"].endswith("there is no such thing, or the token may not see it, or may only read")
    assert len(posts(fake)) == 1


def test_pipeline_is_started_on_a_branch_with_parameters(operator: Terminal, fake: FakeCircleCI) -> None:
    said = operator.run("trigger", "gh/acme/web", "--branch", "main", "--parameter", "deep=true", "--yes", "--json")

    assert (said.code, said.json["outcome"], said.json["pipeline"]["number"]) == (0, "done", 1)
    assert posts(fake) == ["/project/gh/acme/web/pipeline/run"]


def test_answer_200_means_that_no_pipeline_was_started(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.actions.skips = "Pipeline skipped: [ci skip]"

    said = operator.run("trigger", "gh/acme/web", "--yes")

    assert said.code == 1
    assert "refused; CircleCI started no pipeline: Pipeline skipped" in " ".join(said.out.split())
    assert len(posts(fake)) == 1


def test_project_that_circleci_does_not_know_is_named(operator: Terminal) -> None:
    said = operator.run("trigger", "gh/acme/nowhere", "--yes")

    assert said.code != 0
    assert "nothing was started at gh/acme/nowhere: CircleCI answered 404" in said.err


def test_server_before_4_8_gets_the_older_request(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.actions.has_run_route = False

    said = operator.run("trigger", "gh/acme/web", "--tag", "v1", "--yes", "--json")

    assert (said.code, said.json["outcome"]) == (0, "done")
    assert posts(fake) == ["/project/gh/acme/web/pipeline/run", "/project/gh/acme/web/pipeline"]

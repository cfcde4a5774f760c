"""The hooks commands at the pretend CircleCI: what they print, their exit codes, and what they never show."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.db.migrate import migrate
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from tests.operations.hooks.test_hook_addresses import PRIVATE, THIS_MACHINE
from tests.support.app_fixture import RED, SECRET, TOKEN, Clock, an_instance
from tests.support.cli_runner import Terminal, served
from tests.support.long_cases import few_and_long

READER_TOKEN = "an-invented-token-of-a-reader"
PUBLIC_URL = "https://roundsman.example.com"
RECEIVERS = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - receiver: web
"""
HOOKS = "hooks:\n  - project: gh/acme/web\n  - project: gh/acme/shop-api\n    events: workflow-completed\n"


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, reader_token=READER_TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def admin(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    """Somebody with an organization admin's token, and two hooks to make."""
    with served(pretend) as address:
        terminal.configure(RECEIVERS + HOOKS, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL)
        yield terminal


def test_a_plan_ends_with_1_while_work_remains_and_with_0_afterwards(admin: Terminal, pretend: FakeCircleCI) -> None:
    before, done, after = (admin.run("hooks", verb) for verb in ("plan", "apply", "plan"))

    assert (before.code, done.code, after.code) == (1, 0, 0)
    assert before.out == done.out
    assert [line.split() for line in before.lines] == [
        ["step", "project", "hook", "why"],
        ["create", "gh/acme/web", "Roundsman", "workflow-completed,", "job-completed;", "slot", "1", "of", "5"],
        ["create", "gh/acme/shop-api", "Roundsman", "workflow-completed;", "slot", "1", "of", "5"],
    ]
    assert [line.split()[0] for line in after.lines[1:]] == ["unchanged", "unchanged"]
    assert len(pretend.hooks.registered) == 2


def test_steps_skipped_after_a_failure_are_printed_with_exit_code_1(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    hook_id, hook = next(iter(pretend.hooks.registered.items()))
    pretend.hooks.registered["surplus"] = hook | {"id": "surplus"}
    hook["name"] = "Old"
    pretend.faults.next(f"/webhook/{hook_id}", broken(500))

    said = admin.run("hooks", "apply", "--json")

    assert said.code == 1
    assert [step["verb"] for step in said.json["steps"]] == ["failed", "left_undone", "unchanged"]
    assert "surplus" in pretend.hooks.registered


def test_json_steps_have_verb_and_reason(admin: Terminal) -> None:
    [first, _] = admin.run("hooks", "apply", "--json").json["steps"]
    [again, _] = admin.run("hooks", "plan", "--json").json["steps"]

    assert first == {
        "verb": "create",
        "project": "gh/acme/web",
        "hook": None,
        "why": "workflow-completed, job-completed; slot 1 of 5",
        "waits_for_delivery": False,
    }
    assert (again["verb"], again["hook"]["name"], again["why"]) == ("unchanged", "Roundsman", "as it should be")


def test_rotating_is_work_each_time_it_is_asked_for(admin: Terminal) -> None:
    admin.run("hooks", "apply")

    planned, done = admin.run("hooks", "plan", "--rotate"), admin.run("hooks", "apply", "--rotate", "--json")

    assert (planned.code, done.code) == (1, 0)
    assert [(step["verb"], step["why"]) for step in done.json["steps"]] == [("update", "newest secret")] * 2


def test_rotated_secrets_are_said_to_be_unchecked_with_the_next_step(admin: Terminal) -> None:
    applied = admin.run("hooks", "apply")
    planned = admin.run("hooks", "plan", "--rotate")
    rotated = admin.run("hooks", "apply", "--rotate")

    said = " ".join(rotated.err.split())
    first = "CircleCI shows no secret, so whether each hook has the newest one could not be checked."
    assert first in said
    assert "Test Ping Event" in said
    assert '"valid, secret 1"' in said
    assert "CircleCI shows no secret" not in applied.err + planned.err


def test_one_project_of_two_out_of_reach_ends_with_1(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.faults.next("/project/gh/acme/web", broken(503))

    said = admin.run("hooks", "apply")

    assert said.code == 1
    assert "CircleCI answered 503" in said.lines[1]
    assert said.lines[2].startswith("create")
    assert len(pretend.hooks.registered) == 1


def test_token_of_no_admin_gets_the_next_step(admin: Terminal) -> None:
    admin.set(ROUNDSMAN_CIRCLECI_TOKEN=READER_TOKEN)

    said = admin.run("hooks", "apply")

    assert said.code == 1
    assert said.out.count("organization admin needed") == 2


def test_hooks_are_listed_and_taken_away(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")

    listed = admin.run("hooks", "list")
    elsewhere = admin.run("hooks", "list", "gh/acme/web")
    gone = admin.run("hooks", "delete", "gh/acme/web", "gh/acme/shop-api")
    nothing = admin.run("hooks", "delete", "gh/acme/web")

    assert [line.split()[:2] for line in listed.lines[1:]] == [["ours", "gh/acme/web"], ["ours", "gh/acme/shop-api"]]
    assert len(elsewhere.lines) == 2
    assert [line.split()[0] for line in gone.lines[1:]] == ["delete", "delete"]
    assert (nothing.code, nothing.out) == (0, "no hooks\n")
    assert not pretend.hooks.registered


def test_a_list_needs_no_public_url(admin: Terminal) -> None:
    admin.run("hooks", "apply")
    admin.unset("ROUNDSMAN_PUBLIC_URL")

    said = admin.run("hooks", "list", "--json")

    assert {step["verb"] for step in said.json["steps"]} == {"foreign"}


@pytest.mark.parametrize("verb", ["plan", "apply", "list"])
def test_no_secret_is_ever_printed(admin: Terminal, verb: str) -> None:
    for options in ((), ("--json",)):
        said = admin.run("hooks", verb, *options)

        assert SECRET not in said.out + said.err
        assert TOKEN not in said.out + said.err


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "ROUNDSMAN_CIRCLECI_TOKEN",
            "ROUNDSMAN_CIRCLECI_TOKEN is not set: hooks are managed with a personal",
        ),
        ("ROUNDSMAN_PUBLIC_URL", "ROUNDSMAN_PUBLIC_URL is not set: set it to the https address at which CircleCI"),
        ("ROUNDSMAN_WEBHOOK_SECRETS", "ROUNDSMAN_WEBHOOK_SECRETS is not set: hooks sign with the first of them"),
    ],
)
def test_missing_setting_is_one_sentence(admin: Terminal, pretend: FakeCircleCI, name: str, sentence: str) -> None:
    admin.unset(name)

    said = admin.run("hooks", "apply")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(sentence)
    assert not pretend.calls


@pytest.mark.parametrize("verb", ["plan", "apply"])
@pytest.mark.parametrize(
    ("url", "obstacle"),
    [
        ("http://roundsman.example.com", "CircleCI posts to https only"),
        (THIS_MACHINE[0], "leads to this machine alone"),
        *[pytest.param(url, "leads to this machine alone", marks=pytest.mark.long) for url in THIS_MACHINE[1:]],
    ],
)
def test_address_without_use_is_refused_before_anything_is_asked(
    admin: Terminal, pretend: FakeCircleCI, verb: str, url: str, obstacle: str
) -> None:
    admin.set(ROUNDSMAN_PUBLIC_URL=url)

    said = admin.run("hooks", verb)

    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert obstacle in said.err
    assert "set ROUNDSMAN_PUBLIC_URL" in said.err
    assert not pretend.calls


@pytest.mark.parametrize("url", few_and_long(PRIVATE))
def test_private_address_is_for_no_hook_of_the_cloud_and_for_one_of_a_server(
    admin: Terminal, pretend: FakeCircleCI, url: str
) -> None:
    admin.set(ROUNDSMAN_PUBLIC_URL=url)
    at_the_server = admin.run("hooks", "plan")
    admin.unset("ROUNDSMAN_CIRCLECI_URL")

    said = admin.run("hooks", "apply")

    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "is of a private network: set ROUNDSMAN_PUBLIC_URL" in said.err
    assert (at_the_server.code, len(at_the_server.lines)) == (1, 3)
    assert not pretend.hooks.registered


def test_hook_that_leads_to_this_machine_can_be_deleted(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    for hook in pretend.hooks.registered.values():
        hook["url"] = "https://localhost/hooks/circleci"
    admin.set(ROUNDSMAN_PUBLIC_URL="https://localhost")

    said = admin.run("hooks", "delete", "gh/acme/web", "gh/acme/shop-api")

    assert (said.code, pretend.hooks.registered) == (0, {})


def test_file_without_hooks_gets_the_lines_to_add(admin: Terminal) -> None:
    Path("roundsman.yaml").write_text(RECEIVERS)

    said = admin.run("hooks", "plan")

    assert said.code == 2
    assert said.err.endswith("roundsman.yaml has no hooks; add `hooks: [{project: gh/acme/web}]`\n")


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_invalid_slug_is_refused_before_any_call(admin: Terminal, pretend: FakeCircleCI, verb: str) -> None:
    said = admin.run("hooks", verb, "gh/acme/web", "web")

    assert said.code == 2
    assert "web is not a project slug; write it as CircleCI does, like gh/acme/web" in said.err
    assert not pretend.calls


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_a_pattern_is_no_argument_of_a_command(admin: Terminal, pretend: FakeCircleCI, verb: str) -> None:
    said = admin.run("hooks", verb, "gh/acme/*")

    assert said.code == 2
    assert "gh/acme/* is a pattern, and each hook is of one project; write the projects one by one" in said.err
    assert not pretend.calls


def test_deleting_needs_the_projects_named(admin: Terminal) -> None:
    said = admin.run("hooks", "delete")

    assert said.code == 2
    assert "PROJECT is missing: a slug, such as gh/acme/web; `roundsman hooks delete --help` says more" in said.err


@pytest.fixture
def lately(admin: Terminal) -> None:
    """A folder in which gh/acme/web has posted just now."""
    migrate(f"sqlite:///{admin.folder / 'roundsman.db'}")

    async def post() -> None:
        async with an_instance(admin.folder, RECEIVERS + HOOKS, clock=Clock(now=datetime.now(UTC))) as instance:
            await instance.post(workflow_completed(RED) | {"happened_at": datetime.now(UTC).isoformat()})
            await instance.drain()

    asyncio.run(post())


@pytest.mark.long
@pytest.mark.usefixtures("lately")
def test_a_hook_whose_project_left_the_file_is_named_and_left_alone(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    before = [admin.run("hooks", verb) for verb in ("list", "plan")]
    left = HOOKS.replace("  - project: gh/acme/web\n", "")
    (admin.folder / "roundsman.yaml").write_text(RECEIVERS + left, encoding="utf-8")

    after = [admin.run("hooks", verb) for verb in ("list", "plan")]
    admin.run("hooks", "apply")
    named = admin.run("hooks", "list", "gh/acme/web")

    assert [said.code for said in [*before, *after]] == [0, 0, 0, 0]
    assert "orphan" not in "".join(said.out for said in [*before, named])
    assert [[line.split()[:2] for line in said.lines if "orphan" in line] for said in after] == [
        [["orphan", "github/acme/web"]],
        [["orphan", "github/acme/web"]],
    ]
    assert "run `roundsman hooks delete github/acme/web`" in after[0].out
    assert len(pretend.hooks.registered) == 2


@pytest.mark.long
@pytest.mark.usefixtures("lately")
def test_hooks_are_on_record_from_apply_and_list_until_they_are_deleted(admin: Terminal, pretend: FakeCircleCI) -> None:
    def recorded() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(admin.folder / "roundsman.db")) as connection:
            return connection.execute("SELECT id, project FROM hooks ORDER BY project").fetchall()

    admin.run("hooks", "plan")
    planned = recorded()
    admin.run("hooks", "apply")
    applied, [api, web] = recorded(), sorted(pretend.hooks.registered, reverse=True)
    with closing(sqlite3.connect(admin.folder / "roundsman.db")) as connection, connection:
        connection.execute("DELETE FROM hooks")
    admin.run("hooks", "list")
    listed = recorded()
    admin.run("hooks", "delete", "gh/acme/web")

    assert (planned, listed) == ([], applied)
    assert {hook_id for hook_id, _ in applied} == {api, web}
    assert [project for _, project in applied] == ["gh/acme/shop-api", "gh/acme/web"]
    assert [project for _, project in recorded()] == ["gh/acme/shop-api"]


@pytest.mark.long
@pytest.mark.usefixtures("lately")
def test_silent_project_that_left_the_file_is_known_by_its_hook(admin: Terminal) -> None:
    admin.run("hooks", "apply")
    left = HOOKS.partition("  - project: gh/acme/shop-api")[0]
    (admin.folder / "roundsman.yaml").write_text(RECEIVERS + left, encoding="utf-8")

    said = admin.run("hooks", "list")

    assert [line.split()[:2] for line in said.lines if "orphan" in line] == [["orphan", "gh/acme/shop-api"]]


def test_hooks_are_applied_where_there_is_no_database_to_note_them(admin: Terminal) -> None:
    said = admin.run("hooks", "apply")

    assert said.code == 0
    assert (
        "the hooks are not on record, so refusals of their posts will not name them: there is no database" in said.err
    )


@pytest.mark.long
@pytest.mark.usefixtures("lately")
def test_projects_of_the_file_are_asked_about_once(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    pretend.calls.clear()

    admin.run("hooks", "list")

    assert sorted(call.path for call in pretend.calls if call.path.startswith("/project/")) == [
        "/project/gh/acme/shop-api",
        "/project/gh/acme/web",
    ]


@pytest.mark.long
@pytest.mark.usefixtures("lately")
def test_a_project_that_is_gone_at_circleci_has_no_orphans(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    left = HOOKS.replace("  - project: gh/acme/web\n", "")
    (admin.folder / "roundsman.yaml").write_text(RECEIVERS + left, encoding="utf-8")
    pretend.faults.next("/project/github/acme/web", broken(404))

    said = admin.run("hooks", "list")

    assert (said.code, "github/acme/web" in said.out) == (0, False)


def test_check_finds_a_hook_without_a_secret(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    whole = admin.run("check")
    hook = next(iter(pretend.hooks.registered.values()))
    del hook["signing-secret"]

    said = admin.run("check")

    assert "ok       hook gh/acme/web: the token may see this project" in whole.lines
    assert said.code == 1
    assert (
        "wrong    hook gh/acme/web: it has no secret, so its posts are refused; run `roundsman hooks apply`"
        in said.lines
    )

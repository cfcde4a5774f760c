"""The usage command at the pretend CircleCI: its figures, exit codes, and what it never shows."""

import asyncio
import csv
import gzip
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.db.migrate import migrate
from service.testing import sample_runs
from service.testing.fake_circleci.faults import broken, too_many
from service.testing.fake_circleci.organization import ADA, ORG_ID, PROJECTS
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from service.testing.fake_circleci.usage_routes import usage_line
from tests.support.app_fixture import TOKEN, Clock, an_instance
from tests.support.cli_runner import Terminal, served

YAML = "receivers:\n  web:\n    channels: [json://web.example.com]\nroutes:\n  - receiver: web\n"
DAY = datetime.now(UTC).date() - timedelta(days=1)
MONTH = f"{DAY:%Y-%m}"
FLAKY, RERUN, WEB = (make(DAY) for make in (sample_runs.api_flaky, sample_runs.api_rerun, sample_runs.web_main_red))
POST, STATE = f"/organizations/{ORG_ID}/usage_export_job", f"/organizations/{ORG_ID}/usage_export_job/*"


@pytest.fixture
def pretend() -> FakeCircleCI:
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    for run in (FLAKY, RERUN, WEB):
        fake.run_finished(run)
    return fake


@pytest.fixture
def admin(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    """Somebody with a token of an organization admin, and a database."""
    migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")
    with served(pretend) as address:
        pretend.usage.storage_url = f"{address}/storage/usage"
        terminal.configure(YAML, ROUNDSMAN_CIRCLECI_URL=address)
        yield terminal


def usage(admin: Terminal, *words: str) -> Any:
    return admin.run("usage", "gh/acme/web", "gh/acme/shop-api", "--month", MONTH, *words)


@pytest.mark.long
def test_credits_are_told_by_project_with_what_failed_and_reruns_cost(admin: Terminal) -> None:
    said = usage(admin, "--by", "project")

    spent = {run.project.name: sum(job.lasts_s for job in run.jobs if job.number) / 6 for run in (FLAKY, RERUN, WEB)}
    spent["shop-api"] += FLAKY.jobs[0].lasts_s / 6
    assert said.code == 0
    assert said.lines[0].split() == ["month", "project", "credits", "failed", "reruns", "runs", "minutes"]
    assert [line.split()[1] for line in said.lines[1:3]] == ["shop-api", "web"]
    assert said.lines[1].split()[2:6] == [f"{spent['shop-api']:.0f}", "34", "31", "2"]
    assert all(len(line) <= 80 for line in said.lines[:3])
    assert "0 of 3 runs are on record here" in said.out
    assert f"{MONTH}: CircleCI says so, up to" in said.out


@pytest.mark.long
def test_runs_on_record_say_what_a_rerun_is_and_name_the_project(admin: Terminal) -> None:
    async def post() -> None:
        async with an_instance(admin.folder, YAML, clock=Clock(now=datetime.now(UTC))) as instance:
            for run in (FLAKY, RERUN):
                await instance.post(workflow_completed(run))
            await instance.drain()

    asyncio.run(post())
    admin.run("version")  # after it nothing that the instance logged is left to read
    report = usage(admin, "--json").json

    [api, web] = report["items"]
    assert (api["project"], api["workflow"], api["runs"], api["known_runs"]) == (
        "gh/acme/shop-api",
        "build-and-test",
        2,
        2,
    )
    assert api["rerun_credits"] == pytest.approx(188 / 6, abs=0.1)
    assert (web["project"], web["known_runs"]) == ("web", 0)
    assert report["total"]["known_runs"] == 2


@pytest.mark.long
def test_an_export_is_gone_on_with_after_a_kill(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.usage.polls = 2

    first, second, third = (usage(admin, "--wait", "0") for _ in range(3))

    assert [first.code, second.code, third.code] == [1, 1, 0]
    assert "CircleCI is still writing the export" in first.err
    assert "call this again, and it goes on" in " ".join(second.err.split())
    assert len(pretend.usage.created) == 1


@pytest.mark.long
def test_figures_that_are_fresh_are_not_asked_for_again(admin: Terminal, pretend: FakeCircleCI) -> None:
    before, again = usage(admin), usage(admin)
    anew = usage(admin, "--anew")

    assert before.out == again.out
    assert anew.code == 0
    assert len(pretend.usage.created) == 2


def test_neither_addresses_of_files_nor_the_token_are_shown_kept_or_sent_there(
    admin: Terminal, pretend: FakeCircleCI
) -> None:
    said = usage(admin, "--json")

    files = [call for call in pretend.calls if call.path.startswith("/storage")]
    kept = b"".join(path.read_bytes() for path in admin.folder.glob("roundsman.db*"))
    assert len(files) == 2
    assert TOKEN not in str([call.headers for call in files])
    assert "X-Amz" not in said.out + said.err
    assert b"X-Amz" not in kept
    assert b"/storage/usage" not in kept


@pytest.mark.long
def test_no_files_are_no_data_and_not_nothing_spent(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.usage.lines = []

    said = usage(admin)

    assert said.code == 1
    assert "CircleCI has no usage data, which does not mean that nothing was spent" in " ".join(said.err.split())
    assert said.out == ""


@pytest.mark.long
def test_an_export_that_failed_says_why_and_the_next_call_makes_another(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.usage.failure = "query timed out"
    failed = usage(admin)
    pretend.usage.failure = None
    change_times(admin)

    assert failed.code == 1
    assert "query timed out" in failed.err
    assert usage(admin).code == 0
    assert len(pretend.usage.created) == 2


def change_times(admin: Terminal) -> None:
    """Let the kept export be some minutes old."""
    from sqlite3 import connect  # noqa: PLC0415 - of this helper alone

    with connect(admin.folder / "roundsman.db") as database:
        database.execute("UPDATE usage_exports SET changed_at = '2026-01-01 00:00:00.000000'")
    database.close()


@pytest.mark.long
@pytest.mark.parametrize(
    ("month", "reason"),
    [
        ("2026-13", "2026-13 is not a month; write it as 2026-10"),
        ("2099-01", "2099-01 has not begun"),
        ("2020-01", "CircleCI keeps usage for 366 days, so 2020-01 is too old"),
    ],
)
def test_a_month_without_usage_is_refused(admin: Terminal, pretend: FakeCircleCI, month: str, reason: str) -> None:
    said = admin.run("usage", "gh/acme/web", "--month", month)

    assert said.code == 2
    assert reason in " ".join(said.err.split())
    assert pretend.usage.created == []


@pytest.mark.long
def test_a_refused_creation_is_not_repeated(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.faults.next(POST, broken(503))

    said = usage(admin)

    assert said.code == 1
    assert "503" in said.err
    assert len([call for call in pretend.calls if call.method == "POST"]) == 1


@pytest.mark.long
def test_a_poll_refused_for_a_while_is_waited_for_within_the_time_given(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.faults.next(STATE, too_many("0"))

    assert usage(admin).code == 0


@pytest.mark.long
def test_csv_has_each_branch_and_no_formula(admin: Terminal, pretend: FakeCircleCI) -> None:
    pretend.usage.lines = [usage_line(WEB, WEB.jobs[0]) | {"VCS_BRANCH": '=HYPERLINK("x")'}]

    said = usage(admin, "--csv", "--by", "branch")

    [row] = csv.DictReader(io.StringIO(said.out))
    assert row["branch"] == '\'=HYPERLINK("x")'
    assert float(row["credits"]) == pytest.approx(WEB.jobs[0].lasts_s / 6, abs=0.1)


@pytest.mark.long
def test_missing_columns_are_told(admin: Terminal, pretend: FakeCircleCI) -> None:
    line = usage_line(FLAKY, FLAKY.jobs[0])
    pretend.usage.lines = [{key: line[key] for key in ("PROJECT_NAME", "COMPUTE_CREDITS", "USER_CREDITS")}]

    said = usage(admin)

    assert said.code == 0
    assert "34 credits" in said.out
    assert "no column JOB_BUILD_STATUS (what failed work cost)" in said.out


@pytest.mark.long
@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (lambda body: body[:-20], "came cut off or damaged"),
        (lambda _: gzip.compress(b"NAME\nx\n"), "no column of credits"),
        (lambda _: b"", ""),
    ],
)
def test_a_damaged_file_is_named(admin: Terminal, pretend: FakeCircleCI, damaged: Any, reason: str) -> None:
    pretend.usage.damage = damaged

    said = usage(admin, "--wait", "0")
    again = usage(admin, "--wait", "0")

    assert (said.code, again.code) == (1, 1)
    assert reason in again.err
    assert "Traceback" not in again.err

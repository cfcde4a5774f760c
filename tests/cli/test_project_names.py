"""The spellings of a project: each command that reads the history takes them all."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.db.migrate import migrate
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED_TO_WEB, TOKEN, Clock, an_instance
from tests.support.cli_runner import Terminal, served

pytestmark = pytest.mark.long

SPELLINGS = ("gh/acme/web", "github/acme/web", "acme/web", "ACME/Web", "web")
COMMANDS = (
    ("trigger", "{}", "--yes"),
    ("backfill", "--project", "{}", "--since", "1d"),
    ("settings", "snapshot", "--project", "{}"),
    ("settings", "show", "--project", "{}"),
    ("settings", "diff", "--project", "{}"),
    ("usage", "{}", "--wait", "0"),
)


@pytest.fixture
def fake() -> FakeCircleCI:
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    fake.run_finished(sample_runs.web_main_fixed(datetime.now(UTC).date()))
    return fake


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI) -> Iterator[Terminal]:
    """Return a terminal beside a history with runs of acme/web."""
    migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")

    async def fill() -> None:
        async with an_instance(terminal.folder, RED_TO_WEB, clock=Clock(now=datetime.now(UTC))) as instance:
            await instance.finish(sample_runs.web_main_red(datetime.now(UTC).date() - timedelta(days=1)))
            await instance.drain()

    asyncio.run(fill())
    with served(fake) as address:
        terminal.configure(RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_RECONCILE_CALLS="600")
        terminal.run("version")  # after it nothing that the instance logged is left to read
        yield terminal


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(one for one in words if one.isalpha()))
def test_command_takes_each_spelling(operator: Terminal, fake: FakeCircleCI, words: tuple[str, ...]) -> None:
    asked: dict[str, set[str]] = {}
    for spelling in SPELLINGS:
        before = len(fake.calls)
        said = operator.run(*(word.format(spelling) for word in words))
        asked[spelling] = {call.path for call in fake.calls[before:] if "/acme/" in call.path}
        assert "not a project slug" not in said.err
        assert "404" not in said.out + said.err

    assert {frozenset(paths) for paths in asked.values()} == {frozenset(asked["gh/acme/web"])}


@pytest.mark.parametrize("words", [("trigger", "nowhere", "--yes"), ("backfill", "--project", "nowhere")])
def test_word_that_is_no_project_is_refused(operator: Terminal, fake: FakeCircleCI, words: tuple[str, ...]) -> None:
    said = operator.run(*words)

    assert said.code != 0
    assert "nowhere is not a project slug; write it as CircleCI does, like gh/acme/web" in said.err
    assert fake.calls == []

"""The command about the tokens of CircleCI: token."""

from collections.abc import Iterator

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED_TO_WEB, TOKEN
from tests.support.cli_runner import Terminal, served


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS, reader_token="reads-only")


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI) -> Iterator[Terminal]:
    with served(fake) as address:
        terminal.configure(RED_TO_WEB + "hooks: [{project: gh/acme/web}]\n", ROUNDSMAN_CIRCLECI_URL=address)
        yield terminal


def test_owner_rights_and_rate_are_said(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.faults.next("/context", broken(403))

    said = operator.run("token")

    assert said.code == 0
    assert said.lines[:4] == [
        "ROUNDSMAN_CIRCLECI_TOKEN",
        "  it is ada's",
        "  ROUNDSMAN_CIRCLECI_TOKEN_ENDS does not say when it ends",
        "  299 of 300 calls left",
    ]
    assert "  given    checkout keys" in said.lines
    assert any(line.startswith("  lacking  contexts: CircleCI answered 403") for line in said.lines)
    assert {call.method for call in fake.calls} == {"GET"}
    assert TOKEN not in said.out


def test_each_token_is_said_by_its_name(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_CIRCLECI_ADMIN_TOKEN="no-such-token", ROUNDSMAN_CIRCLECI_TOKEN_ENDS="2020-01-31")

    said = operator.run("token", "--json")

    reading, managing = said.json["tokens"]
    assert said.code == 1
    assert (reading["accepted"], reading["has_ended"], reading["expires"]) == (True, True, "2020-01-31")
    assert (managing["setting"], managing["accepted"]) == ("ROUNDSMAN_CIRCLECI_ADMIN_TOKEN", False)
    assert "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN" in managing["problem"]
    assert "no-such-token" not in said.out


def test_without_a_token_there_is_nothing_to_say(operator: Terminal) -> None:
    operator.unset("ROUNDSMAN_CIRCLECI_TOKEN")

    assert operator.run("token").code == 2

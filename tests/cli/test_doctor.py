"""The command that tries everything: what is wrong is found, and nothing private is shown."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.health.reach import certificate_finding
from service.metrics import Metrics
from service.operations.checks.checks import Grade
from service.operations.checks.doctor import check_circleci_clock
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED_TO_WEB, SECRET, TOKEN
from tests.support.cli_runner import Terminal, served
from tests.support.ports import free_port

HOOKS = "hooks: [{project: gh/acme/web}]\n"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI) -> Iterator[Terminal]:
    """An operator whose configuration is right, with one hook."""
    with served(fake) as address:
        here = RED_TO_WEB.replace("json://web.example.com", address.replace("http://", "json://"))
        terminal.configure(here + HOOKS, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PORT=str(free_port()))
        yield terminal


def grades(shape: Any) -> dict[str, str]:
    return {one["what"]: one["grade"] for one in shape["findings"]}


def sentence(shape: Any, what: str) -> str:
    [found] = [one["sentence"] for one in shape["findings"] if one["what"] == what]
    return str(found)


def test_all_is_tried_and_changes_nothing(operator: Terminal, fake: FakeCircleCI) -> None:
    before = sorted(operator.folder.iterdir())

    said = operator.run("doctor", "--json")

    assert said.code == 0
    found = grades(said.json)
    for what in ("database", "disk", "CircleCI token", "CircleCI API v1.1", "connection to CircleCI", "messages"):
        assert found[what] == "ok", what
    rights = {what: grade for what, grade in found.items() if what.startswith("right ")}
    assert len(rights) == 9
    assert set(rights.values()) == {"ok"}
    assert {call.method for call in fake.calls} == {"GET"}
    assert sorted(operator.folder.iterdir()) == before


def test_the_admin_token_is_tried_by_itself_and_named(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_CIRCLECI_ADMIN_TOKEN="a-guess-of-somebody")

    said = operator.run("doctor", "--json")

    assert said.code == 1
    assert grades(said.json)["CircleCI token"] == "ok"
    assert "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN" in sentence(said.json, "CircleCI admin token")
    assert "a-guess-of-somebody" not in said.out


@pytest.mark.parametrize(("status", "begin"), [(403, "lacking"), (404, "lacking"), (500, "not known")])
def test_a_right_that_is_missing_is_said_with_circlecis_answer(
    operator: Terminal, fake: FakeCircleCI, status: int, begin: str
) -> None:
    fake.faults.next("/context*", broken(status))
    fake.faults.next("/org/*", broken(status))

    shape = operator.run("doctor", "--json").json

    for what in ("right to manage, contexts", "right to manage, OIDC claims"):
        assert grades(shape)[what] == "note"
        assert sentence(shape, what).startswith(f"{begin}: CircleCI answered {status}")
    assert grades(shape)["right to manage, checkout keys"] == "ok"


@pytest.mark.parametrize(
    ("minutes", "grade", "words"),
    [(0, Grade.OK, "it agrees"), (-7, Grade.WRONG, "420 s behind this"), (7, Grade.WRONG, "420 s ahead of this")],
)
async def test_a_wrong_clock_is_found_by_circlecis_own(minutes: int, grade: Grade, words: str) -> None:
    date = format_datetime(NOW + timedelta(minutes=minutes), usegmt=True)
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "x"}, headers={"Date": date}))
    source = CircleCI(secrets=[], url="http://ci", token="reads", metrics=Metrics(), transport=wire, clock=lambda: NOW)

    before = check_circleci_clock(source)
    await source.me()
    [found] = check_circleci_clock(source)
    await source.close()

    assert before == []
    assert (found.grade, words in found.sentence) == (grade, True)


@pytest.mark.parametrize(("days", "grade"), [(-1, "wrong"), (0, "wrong"), (29, "note"), (90, "ok")])
def test_the_end_of_a_token_is_said_where_it_is_told(operator: Terminal, days: int, grade: str) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).date()
    operator.set(ROUNDSMAN_CIRCLECI_TOKEN_ENDS=day.isoformat())

    shape = operator.run("doctor", "--json").json

    assert grades(shape)["expiry of ROUNDSMAN_CIRCLECI_TOKEN"] == grade


def test_an_end_that_is_no_day_is_refused(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_CIRCLECI_TOKEN_ENDS="next spring")

    said = operator.run("doctor")

    assert said.code == 2
    assert said.problems == ["ROUNDSMAN_CIRCLECI_TOKEN_ENDS must be a day like 2027-03-31"]


def test_the_report_shows_no_secret_and_no_name(operator: Terminal) -> None:
    yaml = (operator.folder / "roundsman.yaml").read_text(encoding="utf-8")
    (operator.folder / "roundsman.yaml").write_text(
        yaml.replace(HOOKS, "") + "hooks: [{project: gh/acme/web}, {project: gh/acme/nowhere}]\n", encoding="utf-8"
    )
    private = "roundsman.internal-of-acme.example.com"
    operator.set(ROUNDSMAN_PUBLIC_URL=f"http://{private}", ROUNDSMAN_ADMIN_TOKEN="a-long-admin-token-1")
    operator.set(ROUNDSMAN_WATCHDOG_URL="http://127.0.0.1:9/ping/obviously-secret")

    plain, shape, open_ = operator.run("doctor"), operator.run("doctor", "--json"), operator.run("doctor", "--names")

    for secret in (TOKEN, SECRET, "a-long-admin-token-1", "obviously-secret"):
        assert secret not in plain.out + shape.out + open_.out
    for name in (private, "acme", "nowhere", "ada", str(operator.folder), os.environ["HOME"] + "/"):
        assert name not in plain.out + shape.out, name
    assert "hook gh/acme/nowhere" in open_.out
    assert "<project 2>" in plain.out
    assert ("--names" in plain.out, "--names" in open_.out, open_.lines[-1][-9:]) == (True, False, "looked at")


@pytest.mark.long
def test_a_channel_that_refuses_messages_is_found_by_sending_one(operator: Terminal) -> None:
    """Its server accepts the connection: only a message shows it."""
    silent = operator.run("doctor", "--json")
    sent = operator.run("doctor", "--send", "--json", "--names")

    assert "`roundsman doctor --send` sends one" in sentence(silent.json, "messages")
    assert (silent.code, sent.code) == (0, 1)
    [what] = [one for one in grades(sent.json) if one.startswith("message to channel")]
    assert grades(sent.json)[what] == "wrong"
    assert "messages" not in grades(sent.json)


def test_a_finding_is_one_line_in_a_pipe(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_WATCHDOG_URL="http://127.0.0.1:9/ping/obviously-secret")

    lines = operator.run("doctor").lines

    assert lines[0].startswith("Roundsman ")
    assert lines[-1] == "names and addresses are hidden: --names shows them"
    assert lines[-2].endswith("looked at")
    assert {line[:9].strip() for line in lines[1:-2]} == {"ok", "note", "wrong"}
    assert any("each fetch counts as a sign of life" in line for line in lines)


def test_without_a_token_there_are_no_rights_to_try(operator: Terminal, fake: FakeCircleCI) -> None:
    operator.unset("ROUNDSMAN_CIRCLECI_TOKEN")

    said = operator.run("doctor", "--json")

    assert said.code == 0
    assert not [what for what in grades(said.json) if what.startswith("right ")]
    assert fake.calls == []


@pytest.mark.parametrize(("has_token", "grade"), [(True, "wrong"), (False, "note")])
def test_a_missing_network_is_wrong_only_where_a_token_needs_it(
    operator: Terminal, *, has_token: bool, grade: str
) -> None:
    operator.set(ROUNDSMAN_CIRCLECI_URL=f"http://127.0.0.1:{free_port()}")
    if not has_token:
        operator.unset("ROUNDSMAN_CIRCLECI_TOKEN")

    said = operator.run("doctor", "--json")

    assert grades(said.json)["connection to CircleCI"] == grade
    assert ("without a token it is not called" in sentence(said.json, "connection to CircleCI")) == (grade == "note")


@pytest.mark.parametrize(
    ("ends", "grade"),
    [("Mar 10 09:00:00 2026 GMT", Grade.NOTE), ("Jun 10 09:00:00 2026 GMT", Grade.OK), (None, Grade.OK)],
)
def test_a_certificate_that_ends_soon_is_noted(ends: str | None, grade: Grade) -> None:
    found = certificate_finding("public URL", {"notAfter": ends} if ends else None, NOW)

    assert found.grade is grade
    assert ("holds until 2026-" in found.sentence) is (ends is not None)


def test_the_days_that_a_certificate_has_left_are_said() -> None:
    [many, one] = [
        certificate_finding("x", {"notAfter": f"{day} 09:00:00 2026 GMT"}, NOW).sentence for day in ("Jun 10", "Mar  3")
    ]

    assert many.endswith("its certificate holds until 2026-06-10, 100 days")
    assert one.endswith("its certificate holds until 2026-03-03, 1 day: renew it")


def test_a_name_of_several_things_is_hidden_as_what_it_names(operator: Terminal) -> None:
    file = operator.folder / "roundsman.yaml"
    alike = (
        file.read_text().replace("  web:\n", "  build-notices:\n").replace("receiver: web", "receiver: build-notices")
    )
    same_path = alike.replace(
        "- name: red\n    match: {status: [failed, error]}", "- name: web\n    match: {branch: main}"
    )
    address = next(line for line in same_path.splitlines() if "json://" in line).split("[")[1].rstrip("]")
    file.write_text(same_path.replace(address, f"{address}/build-notices"))

    said = operator.run("doctor", "--json")

    whats = [one["what"] for one in said.json["findings"]]
    assert "route '<route 1>'" in whats
    assert "not tried for <channel 1>:" in sentence(said.json, "messages")
    assert "***" not in said.out

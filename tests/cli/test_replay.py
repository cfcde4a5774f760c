"""Commands by which a person decides, in a folder where a service has lived: replay, resend, dismiss."""

import io

import pytest

from service.db.data_folder import lock_folder
from service.operations.dead_letters import PARTS
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import NINE, RED
from tests.support.cli_runner import Terminal
from tests.support.sample_history import NOWHERE, Past, operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name

UNATTENDED = "enqueued, but no service is running: it is done once `roundsman serve` has started\n"


def test_replayed_dead_letter_is_closed_with_its_operator_on_record(operator: Terminal, past: Past) -> None:
    replayed = operator.run("replay", past.unread, "--json")
    resent = operator.run("resend", past.unsent, "--json")

    assert replayed.json == {"delivery": past.unread, "replay": "enqueued", "is_attended": False}
    assert resent.json == {"notification": past.unsent, "resend": "enqueued", "is_attended": False}
    assert (replayed.code, resent.code) == (0, 0)
    assert operator.run("dead-letters").out == "nothing waits for a person\n"
    [action] = operator.run("events", "show", past.red, "--json").json["actions"]
    assert action["verb"] == "resend"
    assert action["who"].startswith("command line, ")


def test_output_says_if_a_service_is_running(operator: Terminal, past: Past) -> None:
    assert operator.run("replay", past.red).out == UNATTENDED
    with lock_folder(operator.folder, command="roundsman serve", since=NINE):
        attended = operator.run("resend", past.unsent)

    assert attended.out == "enqueued; the running service takes it up within a second or so\n"


@pytest.mark.parametrize("name", ["unread", "unsent"])
def test_a_dead_letter_is_dismissed_with_the_reason_on_record(operator: Terminal, past: Past, name: str) -> None:
    before = operator.run("dead-letters", "--json").json
    subject = getattr(past, name)

    said = operator.run("dismiss", subject[:13], "--because", "told by phone")

    assert (said.code, said.out) == (0, "dismissed, and on record\n")
    after = operator.run("dead-letters", "--json").json
    waiting = {dead["id"] for noun in PARTS for dead in before[noun]}
    assert {dead["id"] for noun in PARTS for dead in after[noun]} == waiting - {subject}


def test_a_dismissal_shows_in_the_explanation(operator: Terminal, past: Past) -> None:
    shape = operator.run("dismiss", past.unsent, "--because", "told by phone", "--json").json

    lines = operator.run("explain", past.red).lines
    assert shape == {"notification": past.unsent, "dismiss": "done"}
    assert f"web (json 2): not delivered, dismissed: the pager is gone  (notification {past.unsent})" in lines
    assert lines[-1].startswith("dismiss of web (json 2) at ")
    assert lines[-1].endswith(", because: told by phone")


def test_only_a_dead_letter_can_be_dismissed(operator: Terminal, past: Past) -> None:
    said = operator.run("dismiss", past.red)

    assert (said.code, said.err) == (1, f"delivery {past.red} is settled: only a dead letter can be dismissed\n")


def _told(two: list[str]) -> str:
    return f"delivery {two[0]}: done\nnotification {two[1]}: done\n"


@pytest.fixture
def two(past: Past) -> list[str]:
    return [past.unread, past.unsent]


def test_several_are_dismissed_at_once_each_once(operator: Terminal, two: list[str]) -> None:
    said = operator.run("dismiss", *two, two[0])

    assert (said.code, said.out) == (0, _told(two) + "2 of 2: dismissed, and on record\n")
    assert operator.run("dead-letters").out == "nothing waits for a person\n"


def test_of_several_those_that_fail_are_told_and_the_others_done(operator: Terminal, two: list[str]) -> None:
    said = operator.run("dismiss", two[0], NOWHERE, "web", two[1])
    as_json = operator.run("replay", two[0], NOWHERE, "--json")

    assert said.code == as_json.code == 1
    assert said.lines[0].startswith(f"{NOWHERE}: not done: there is no delivery or notification")
    assert said.lines[1].startswith("web: not done: 'web' is not an id")
    assert said.lines[2:] == [*_told(two).splitlines(), "2 of 4: dismissed, and on record"]
    assert [("error" in one) for one in as_json.json["items"]] == [True, False]


def test_ids_are_read_from_standard_input(operator: Terminal, two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(["", *two, ""]).encode())))

    assert operator.run("dismiss", "-").lines[-1] == "2 of 2: dismissed, and on record"


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "there are no ids"), ("x" * 201, "more than 200 characters"), ("12345678\n" * 10_001, "more than 10000 ids")],
    ids=["none", "a long line", "many"],
)
def test_standard_input_has_limits(operator: Terminal, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    said = operator.run("resend", "-")

    assert said.code == 2
    assert words in said.err


@pytest.mark.parametrize("command", ["replay", "resend", "dismiss"])
@pytest.mark.parametrize("words", [[], ["3f2c8a52", "--all"]])
def test_either_ids_or_all_are_named(operator: Terminal, command: str, words: list[str]) -> None:
    said = operator.run(command, *words)

    assert (said.code, "or --all" in said.err) == (2, True)


@pytest.mark.parametrize(("command", "left"), [("replay", 1), ("resend", 1), ("dismiss", 0)])
def test_all_dead_letters_are_acted_on_where_that_was_said(
    operator: Terminal, monkeypatch: pytest.MonkeyPatch, command: str, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    unsure = operator.run(command, "--all")
    before = operator.run("dead-letters", "--json").json
    said = operator.run(command, "--all", "--yes")
    after = operator.run("dead-letters", "--json").json

    assert (unsure.code, "add --yes" in unsure.err) == (2, True)
    assert len(before["deliveries"] + before["notifications"]) == 2
    assert said.code == 0
    assert len(after["deliveries"] + after["notifications"]) == left


def test_nothing_to_act_on_is_said(operator: Terminal, two: list[str]) -> None:
    operator.run("dismiss", *two)

    assert operator.run("resend", "--all").out == "nothing waits for a person\n"


def test_a_dead_letter_names_its_build(operator: Terminal, past: Past) -> None:
    said = operator.run("dead-letters")

    assert any(line.startswith("  acme/web main: build-and-test failed, 2026-03-02 ") for line in said.lines)
    [dead] = operator.run("dead-letters", "--json").json["notifications"]
    assert dead["event"]["id"] == past.red


EXIT_CODES = {
    "a list": (["events", "list"], 0),
    "nothing that fits": (["events", "list", "--branch", "nowhere"], 0),
    "something waits": (["dead-letters"], 1),
    "an unknown id": (["dismiss", NOWHERE], 1),
    "an unknown event": (["explain", NOWHERE], 1),
    "no id": (["dismiss", "web"], 2),
    "no number": (["events", "list", "--limit", "many"], 2),
    "too large a page": (["events", "list", "--limit", "201"], 2),
    "no such kind": (["events", "list", "--event", "deploy"], 2),
    "no such option": (["events", "list", "--team", "web"], 2),
    "no such command": (["event"], 2),
    "a page of notifications": (["notifications", "list"], 0),
    "no such state": (["notifications", "list", "--state", "red"], 2),
    "a route matches": (["routes", "test", "--set", "status=failed", "--set", "actor=ada"], 0),
    "no route matches": (["routes", "test", "--set", "status=success"], 1),
    "no such fact": (["routes", "test", "--set", "team=web"], 2),
    "no such file": (["routes", "test", "nowhere.json"], 2),
    "a page and all pages": (["dead-letters", "--all", "--cursor", "x"], 2),
    "no cursor of ours": (["dead-letters", "--cursor", "x"], 2),
    "a copy": (["backup", "copy.db"], 0),
    "a copy over what is there": (["backup", "roundsman.db"], 2),
    "a copy without a place": (["backup"], 2),
    "a database as it should be": (["migrate"], 0),
    "a wrong number of migrations": (["migrate", "twice"], 2),
    "no settings": (["check"], 2),
    "a wrong check": (["check", "--quickly"], 2),
    "hooks without a token": (["hooks", "list"], 2),
    "no such verb": (["hooks", "remove"], 2),
    "no sessions": (["sessions", "list"], 0),
    "no such session": (["sessions", "end", "3f2c8a52"], 1),
    "no session named": (["sessions", "end"], 2),
    "no port": (["inbox", "--port", "many"], 2),
    "a link without a token": (["login-link"], 2),
    "the version": (["version"], 0),
    "no such demo": (["demo", "--twice"], 2),
}


@pytest.mark.long
@pytest.mark.parametrize(("words", "code"), EXIT_CODES.values(), ids=EXIT_CODES)
def test_exit_code_is_0_for_done_1_for_a_conflict_and_2_for_wrong_usage(
    operator: Terminal, words: list[str], code: int
) -> None:
    said = operator.run(*words)

    assert (said.code, "Traceback" in said.err) == (code, False)


def test_second_dismissal_is_a_conflict_and_no_wrong_usage(operator: Terminal, past: Past) -> None:
    operator.run("dismiss", past.unsent)

    assert operator.run("dismiss", past.unsent).code == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", 2), (b"x" * 1_100_000, 2), (b"", 2), (as_bytes(workflow_completed(RED)), 0)],
    ids=["broken", "large", "empty", "good"],
)
def test_a_webhook_s_body_is_read_from_standard_input(
    operator: Terminal, monkeypatch: pytest.MonkeyPatch, body: bytes, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))

    assert operator.run("routes", "test", "-").code == code

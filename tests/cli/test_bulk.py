"""Commands that act on several: ids as arguments or on standard input, all dead letters, or those that fit."""

import io
import json
import os
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from service.db.data_folder import lock_folder
from tests.support.app_fixture import NINE
from tests.support.cli_runner import Terminal
from tests.support.long_cases import first_and_long
from tests.support.sample_history import NOWHERE, Past, operator, past
from tests.support.terminal_screens import on_screen

__all__ = ["operator", "past"]  # pytest finds fixtures by name

DATABASE = "sqlite:///roundsman.db"


def copy_dead(folder: Path, table: str, count: int, **changed: str) -> list[str]:
    """Copy the dead letter of a table; return the ids of the copies."""
    new = [str(uuid.uuid4()) for _ in range(count)]
    with closing(sqlite3.connect(folder / "roundsman.db")) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute(f"SELECT * FROM {table} WHERE state = 'dead'").fetchone())  # noqa: S608
        unique = "topic" if table == "notifications" else "source_event_id"
        for one in new:
            copy = {**row, **changed, "id": uuid.UUID(one).hex, unique: one}
            places = ", ".join("?" * len(copy))
            connection.execute(f"INSERT INTO {table} ({', '.join(copy)}) VALUES ({places})", [*copy.values()])  # noqa: S608
        connection.commit()
    return new


def count_acts(folder: Path, verb: str) -> int:
    with closing(sqlite3.connect(folder / "roundsman.db")) as connection:
        found: int = connection.execute("SELECT count(*) FROM actions WHERE verb = ?", [verb]).fetchone()[0]
        return found


def type_in(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))


def test_several_ids_are_acted_on_and_each_outcome_is_told(operator: Terminal, past: Past) -> None:
    said = operator.run("replay", past.red, past.green, past.unread)

    told = [f"delivery {one}: enqueued" for one in (past.red, past.green, past.unread)]
    assert said.lines[:-1] == told
    assert said.lines[-1].startswith("3 of 3: enqueued, but no service is running")
    assert (said.code, count_acts(operator.folder, "replay")) == (0, 4)  # one is of the past


def test_an_id_that_is_named_twice_in_any_form_is_acted_on_once(operator: Terminal, past: Past) -> None:
    before = count_acts(operator.folder, "replay")
    forms = [past.red, past.red, past.red[:8], past.red.upper(), past.red.replace("-", "")]

    said = operator.run("replay", *forms, "--json").json

    assert [one["delivery"] for one in said["items"]] == [past.red]
    assert count_acts(operator.folder, "replay") == before + 1


def test_partial_failure_tells_each_outcome_and_ends_1(operator: Terminal, past: Past) -> None:
    said = operator.run("dismiss", past.unsent, NOWHERE, past.red)
    again = operator.run("dismiss", past.unsent, past.unread, "--json")

    where = "`roundsman dead-letters` and `roundsman notifications list`"
    assert said.code == 1
    assert said.lines == [
        f"{NOWHERE}: not done: there is no delivery or notification {NOWHERE}; ids are in {where}",
        f"notification {past.unsent}: done",
        f"delivery {past.red}: not done: delivery {past.red} is settled: only a dead letter can be dismissed",
        "1 of 3: dismissed, and on record",
    ]
    assert again.code == 1
    refused, done = again.json["items"]
    assert (refused["id"], "is dismissed" in refused["error"]) == (past.unsent, True)
    assert done == {"delivery": past.unread, "dismiss": "done"}


@pytest.mark.parametrize("verb", ["replay", "resend", "dismiss"])
def test_malformed_id_is_printed_without_control_characters(operator: Terminal, past: Past, verb: str) -> None:
    said = operator.run(verb, "x\x1b[31m", NOWHERE)

    assert (said.code, said.err) == (1, "")
    assert r"'x\x1b[31m' is not an id" in said.lines[0]
    assert "\x1b" not in said.out


def test_ids_come_from_standard_input(operator: Terminal, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, f"{past.red}\r\n\n  {past.green[:8]}\n{past.red}".encode())

    said = operator.run("replay", "-", past.unread, "--json").json

    assert [one["delivery"] for one in said["items"]] == [past.red, past.green, past.unread]
    assert [one["is_attended"] for one in said["items"]] == [False] * 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a" * 100_000, "line 1 of standard input has more than 200 characters; write one id a line\n"),
        (b"\n" * 10_001, "more than 10000 ids are named; nothing was done: act in parts\n"),
    ],
    ids=["long line", "many lines"],
)
def test_standard_input_has_limits(
    operator: Terminal, past: Past, monkeypatch: pytest.MonkeyPatch, text: bytes, sentence: str
) -> None:
    type_in(monkeypatch, text)

    said = operator.run("resend", past.unsent, "-")

    assert said.code == 2
    assert said.err.startswith(sentence)
    assert count_acts(operator.folder, "resend") == 0


def test_lines_of_standard_input_that_are_no_text_are_told(
    operator: Terminal, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, b"\xff\xfe\n3f2c\x00\n" + past.unsent.encode())

    said = operator.run("resend", "-")

    assert said.code == 1
    assert r"'\\xff\\xfe' is not an id" in said.lines[0]
    assert r"'3f2c\x00' is not an id" in said.lines[1]
    assert said.lines[2] == f"notification {past.unsent}: enqueued"


def test_a_standard_input_that_cannot_be_read_is_told(operator: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with os.fdopen(os.open(os.devnull, os.O_WRONLY)) as write_only:
        monkeypatch.setattr("sys.stdin", write_only)
        said = operator.run("resend", "-")

    assert (said.code, said.err) == (2, "standard input cannot be read: Bad file descriptor\n")


# all of them, or a filter


@pytest.mark.long
def test_all_takes_every_dead_letter_however_many(operator: Terminal, past: Past) -> None:
    copy_dead(operator.folder, "notifications", 210)
    copy_dead(operator.folder, "deliveries", 3)

    replayed = operator.run("replay", "--all", "--yes", "--json")
    resent = operator.run("resend", "--all", "--yes")

    assert (replayed.code, len(replayed.json["items"])) == (0, 4)
    assert (resent.code, resent.lines[-1][:22]) == (0, "211 of 211: enqueued, ")
    assert operator.run("dead-letters").out == "nothing waits for a person\n"


def test_dismiss_all_takes_deliveries_and_notifications(operator: Terminal, past: Past) -> None:
    told = operator.run("dismiss", "--all", "--yes", "--because", "outage", "--json")
    assert told.json["items"] == [
        {"delivery": past.unread, "dismiss": "done"},
        {"notification": past.unsent, "dismiss": "done"},
    ]
    assert operator.run("dead-letters").code == 0


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--receiver", "web"], "unsent"),
        (["--receiver", "nobody"], ""),
        (["--channel", "web (json 2)", "--channel", "other"], "unsent"),
        (["--channel", "web (json)"], ""),
        (["--since", "2000-01-01"], "unsent unread"),
        (["--until", "2000-01-01"], ""),
        (["--since", "2000-01-01", "--receiver", "web"], "unsent"),
        (["--all", "--receiver", "web"], "unsent"),
    ],
    ids=str,
)
def test_a_filter_takes_the_dead_letters_that_fit(
    operator: Terminal, past: Past, filters: list[str], expected: str
) -> None:
    said = operator.run("dismiss", *filters, "--yes", "--json")

    assert said.code == 0
    assert {one.get("delivery") or one["notification"] for one in said.json["items"]} == {
        getattr(past, name) for name in expected.split()
    }


def test_more_than_the_limit_is_said(operator: Terminal, past: Past) -> None:
    copy_dead(operator.folder, "notifications", 2)

    said = operator.run("resend", "--all", "--limit", "2", "--yes")
    rest = operator.run("resend", "--all", "--limit", "2", "--yes", "--json")

    assert (said.code, said.lines[-1]) == (1, "there are more: run it again")
    assert (rest.code, len(rest.json["items"]), rest.json["has_more"]) == (0, 1, False)


def test_a_limit_is_for_filters_alone(operator: Terminal, past: Past) -> None:
    said = operator.run("resend", past.unsent, "--limit", "1")

    assert (said.code, said.err) == (2, "--limit goes with a filter or --all, and ids are named: give one of the two\n")
    assert count_acts(operator.folder, "resend") == 0


@pytest.mark.parametrize("verb", ["replay", "resend", "dismiss"])
def test_a_wish_that_says_nothing_or_two_things_is_refused(operator: Terminal, past: Past, verb: str) -> None:
    for words in (
        [],
        [past.unsent, "--all"],
        ["--limit", "2"],
        [past.unsent, "--since", "7d"],
        ["-", "--all", "--yes"],
    ):
        said = operator.run(verb, *words)
        assert (said.code, said.err[:9], said.out) == (2, "name ids,", ""), words


@pytest.mark.parametrize(
    "words", [("replay", "--all"), ("resend", "--receiver", "web"), ("dismiss", "--since", "2000-01-01")]
)
def test_a_script_must_say_yes(operator: Terminal, past: Past, words: tuple[str, ...]) -> None:
    said = operator.run(*words)

    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("There is no terminal to ask on, and nothing was done: add --yes\n")
    assert operator.run("dead-letters").code == 1


@pytest.mark.long
@pytest.mark.parametrize(("keys", "code"), first_and_long([("\n", 1), ("n\n", 1), ("y\n", 0)]))
def test_a_terminal_is_asked_first(operator: Terminal, past: Past, keys: str, code: int) -> None:
    screen = on_screen("dismiss", "--all", folder=operator.folder, keys=keys, ROUNDSMAN_DATABASE_URL=DATABASE)

    assert screen.code == code
    assert "Dismiss 2 dead letters? [y/N]: " in screen.text
    assert operator.run("dead-letters").code == (0 if code == 0 else 1)


def test_a_running_service_is_named_for_many_too(operator: Terminal, past: Past) -> None:
    with lock_folder(operator.folder, command="roundsman serve", since=NINE):
        said = operator.run("replay", past.red, past.green)

    assert said.lines[-1] == "2 of 2: enqueued; the running service takes it up within a second or so"


def test_one_id_named_by_itself_keeps_its_shape(operator: Terminal, past: Past) -> None:
    unknown = operator.run("resend", NOWHERE, "--json")

    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err.startswith(f"there is no notification {NOWHERE}")


# the operator's name


def test_an_operator_whose_user_id_has_no_name_is_on_record(
    operator: Terminal, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)  # of a container: in no passwd

    operator.run("resend", past.unsent)

    [action] = operator.run("events", "show", past.red, "--json").json["actions"]
    assert action["who"] == "command line, user 54321"


@pytest.mark.parametrize("name", ["x" * 5_000, "bad\udcff\x1b[31m"], ids=["long", "no text"])
def test_an_operator_s_name_is_cleaned_and_cut(
    operator: Terminal, past: Past, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LOGNAME", name)

    operator.run("resend", past.unsent)

    [action] = operator.run("events", "show", past.red, "--json").json["actions"]
    assert len(action["who"]) < 200
    assert json.dumps(action["who"], ensure_ascii=False).encode()


@pytest.mark.long
def test_dead_letters_are_listed_a_page_at_a_time_or_all_at_once(operator: Terminal, past: Past) -> None:
    copies = copy_dead(operator.folder, "deliveries", 230) + copy_dead(operator.folder, "notifications", 230)
    wanted = {*copies, past.unread, past.unsent}

    listed, cursor = [], ""
    while page := operator.run("dead-letters", "--limit", "150", "--cursor", cursor, "--json").json:
        listed += [one["id"] for one in page["deliveries"] + page["notifications"]]
        if not (cursor := page["next"]):
            break
    at_once = operator.run("dead-letters", "--all", "--json").json
    beginning = operator.run("dead-letters", "--limit", "1")

    assert sorted(listed) == sorted(wanted)
    assert {one["id"] for one in at_once["deliveries"] + at_once["notifications"]} == wanted
    assert at_once["next"] is None
    assert beginning.lines[-1].startswith("older ones: --cursor ")
    assert beginning.lines[-1].endswith(", or --all")
    assert operator.run("dead-letters", "--all", "--cursor", cursor or "x").code == 2

"""Commands that look things up and do things again, in a folder where a service has lived."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.demo.faults import broken
from service.demo.organisation import WEB
from service.demo.payloads import as_bytes, ping, workflow_completed
from service.errors import Permanent, Temporary
from service.store import migrate
from tests.house import GREEN, NINE, RED, a_house
from tests.terminal import Terminal

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com, json://pager.example.com]
routes:
  - name: red
    match: {status: [failed, error], actor: "!a-robot"}
    receiver: web
"""
NOWHERE = "3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"


@dataclass(frozen=True, kw_only=True)
class Past:
    """A folder in which a service has lived, and the ids of what happened there."""

    folder: Path
    ping: str
    red: str
    green: str
    unread: str
    unsent: str


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    migrate(f"sqlite:///{folder / 'roundsman.db'}")
    return asyncio.run(_live(folder))


async def _live(folder: Path) -> Past:
    async with a_house(folder, ROUTES) as house:
        house.pretend.faults.next("/workflow/*/job", broken(410))
        house.channels.plan["web: json 2"] = [Temporary("the pager is busy"), Permanent("the pager is gone")]
        ids = {"ping": await house.post(ping(WEB, NINE)), "red": await house.finish(RED)}
        house.pretend.run_finished(GREEN)
        green = workflow_completed(GREEN)
        green["pipeline"]["vcs"]["commit"]["subject"] = "\x1b[31m Fix\x07 [bold]it[/]"
        ids["green"] = await house.post(green)
        ids["unread"] = (await house.send(b'{"type": "new"}')).json()["delivery"]
        await house.drain()
        await house.drain(minutes=1)
        await house.act(f"deliveries/{ids['green']}/replay")
        await house.drain()
        [dead] = (await house.dead_letters())["notifications"]
        return Past(folder=folder, unsent=dead["id"], **ids)


@pytest.fixture
def operator(terminal: Terminal, past: Past) -> Terminal:
    """Somebody at a terminal in that folder."""
    shutil.copytree(past.folder, terminal.folder, dirs_exist_ok=True)
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")
    return terminal


# events


def test_events_are_listed_newest_first_with_whole_ids(operator: Terminal, past: Past) -> None:
    said = operator.run("events", "list")

    assert said.code == 0
    head, *rows = said.lines
    assert head.split()[:2] == ["when", "(UTC)"]
    assert sorted(row.split()[2] for row in rows) == sorted([past.green, past.red, past.ping])
    assert [row[:19] for row in rows] == sorted((row[:19] for row in rows), reverse=True)


def test_what_came_from_outside_moves_no_cursor(operator: Terminal, past: Past) -> None:
    for words in (("events", "list"), ("events", "show", past.green)):
        said = operator.run(*words)

        assert "Fix\N{REPLACEMENT CHARACTER} [bold]it[/]" in said.out
        assert "\x1b" not in said.out


def test_a_list_in_json_is_the_api_s(operator: Terminal, past: Past) -> None:
    page = operator.run("events", "list", "--json").json

    assert set(page) == {"items", "next", "looked_back_to"}
    assert {event["id"] for event in page["items"]} == {past.green, past.red, past.ping}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--status", "failed"), ["red"]),
        (("--project", "gh/acme/web", "--status", "success"), ["green"]),
        (("--project", "acme/web", "--status", "success"), ["green"]),
        (("--event", "ping"), ["ping"]),
        (("--branch", "main", "--workflow", "build-and-test"), ["green", "red"]),
        (("--q", "FIX"), ["green"]),
        (("--actor", "ada"), ["red"]),
        (("--job", "lint"), []),
        (("--tag", "v1"), []),
        (("--since", "2026-03-03"), []),
        (("--until", "2026-03-02"), []),
    ],
)
def test_each_option_is_a_filter(operator: Terminal, past: Past, options: tuple[str, ...], names: list[str]) -> None:
    page = operator.run("events", "list", "--json", *options).json

    assert {event["id"] for event in page["items"]} == {getattr(past, name) for name in names}


def test_a_page_says_how_to_get_to_the_next(operator: Terminal) -> None:
    first = operator.run("events", "list", "--limit", "2")
    cursor = first.lines[-1].removeprefix("older ones: --cursor ")

    second = operator.run("events", "list", "--limit", "2", "--cursor", cursor)

    assert (len(first.lines), len(second.lines)) == (4, 2)


def test_nothing_found_is_said(operator: Terminal) -> None:
    said = operator.run("events", "list", "--branch", "nowhere")

    assert (said.code, said.out) == (0, "no events\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--limit", "0"), "limit must be a whole number from 1 to 200"),
        (("--since", "yesterday"), "'yesterday' is not a time; write 2026-11-22 or 2026-11-22T09:30:00Z"),
        (("--event", "x"), "'x' is not a kind of event"),
        (("--cursor", "x"), "this cursor is not one of ours; start again without it"),
        (("--limit", "many"), "Invalid value for '--limit'"),
        (("--colour", "red"), "No such option: --colour"),
    ],
)
def test_a_question_that_makes_no_sense_is_wrong_usage(
    operator: Terminal, options: tuple[str, ...], sentence: str
) -> None:
    said = operator.run("events", "list", *options)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_an_event_is_shown_with_what_came_what_was_learned_and_who_was_told(operator: Terminal, past: Past) -> None:
    said = operator.run("events", "show", past.red)

    assert said.code == 0
    assert said.lines[0] == "web main: failed"
    for line in (
        "  workflow    build-and-test",
        "  by          Ada Example",
        "  received    2026-03-02T09:30:00.000Z",
        "  delivery    settled, posted 1 time(s)",
        "route 'red' to web: matched",
        "  not known   jobs: CircleCI answered 410 to GET /workflow/{id}/job: Something unexpected happened.",
        "  attempt 1 at 2026-03-02T09:30:00.000Z: sent taken",
        "  attempt 1 at 2026-03-02T09:30:00.000Z: put off the pager is busy",
        "  attempt 2 at 2026-03-02T09:31:00.000Z: dead the pager is gone",
        f"web: json 2: dead  (notification {past.unsent})",
    ):
        assert line in said.lines


def test_an_event_in_json_is_the_api_s(operator: Terminal, past: Past) -> None:
    shape = operator.run("events", "show", past.red, "--json").json

    assert shape["id"] == past.red
    assert {"details", "decisions", "notifications", "delivery", "actions"} <= set(shape)
    assert json.loads(shape["delivery"]["body"]) == json.loads(as_bytes(workflow_completed(RED)))


# explain


def test_a_message_is_explained_by_each_route_s_reason(operator: Terminal, past: Past) -> None:
    said = operator.run("explain", past.red)

    assert said.code == 0
    assert said.lines[0] == "route 'red' to web: matched"
    assert "status failed matches failed" in said.lines[1]


def test_a_silence_is_explained_too_by_the_newest_judgement(operator: Terminal, past: Past) -> None:
    said = operator.run("explain", past.green)

    assert said.lines == ["route 'red' to web: not matched", "  status success is not failed or error"]


def test_without_routes_the_reason_is_that_there_were_none(operator: Terminal, past: Past) -> None:
    with closing(sqlite3.connect(operator.folder / "roundsman.db")) as connection, connection:
        connection.execute("DELETE FROM decisions")

    said = operator.run("explain", past.green)

    assert said.out == "nobody was told: roundsman.yaml had no routes\n"


def test_an_explanation_in_json_holds_the_decisions_and_what_became_of_them(operator: Terminal, past: Past) -> None:
    shape = operator.run("explain", past.red, "--json").json

    assert set(shape) == {"id", "status", "decisions", "notifications"}
    assert {(one["channel_label"], one["state"]) for one in shape["notifications"]} == {
        ("web: json", "sent"),
        ("web: json 2", "dead"),
    }


# dead-letters, replay, resend


def test_what_waits_for_a_person_is_listed_with_the_command_that_tries_again(operator: Terminal, past: Past) -> None:
    said = operator.run("dead-letters")

    assert said.code == 1
    assert f"  roundsman replay {past.unread}" in said.lines
    assert f"  roundsman resend {past.unsent}" in said.lines
    assert f"notification {past.unsent} to web: json 2: the pager is gone" in said.lines


def test_dead_letters_in_json_are_the_api_s(operator: Terminal, past: Past) -> None:
    said = operator.run("dead-letters", "--json")

    assert said.code == 1
    assert [delivery["id"] for delivery in said.json["deliveries"]] == [past.unread]
    assert [notification["id"] for notification in said.json["notifications"]] == [past.unsent]


def test_what_is_taken_up_again_waits_no_longer_and_has_its_doer_on_record(operator: Terminal, past: Past) -> None:
    replayed = operator.run("replay", past.unread, "--json")
    resent = operator.run("resend", past.unsent)

    assert (replayed.code, replayed.json) == (0, {"delivery": past.unread, "replay": "enqueued"})
    assert (resent.code, resent.out) == (
        0,
        "enqueued; a running `roundsman serve` takes it up within a second or so\n",
    )
    assert operator.run("dead-letters").out == "nothing waits for a person\n"
    [action] = operator.run("events", "show", past.red, "--json").json["actions"]
    assert action["verb"] == "resend"
    assert action["who"].startswith("command line, ")


def test_a_replay_says_so_in_words_and_a_resend_in_json(operator: Terminal, past: Past) -> None:
    assert operator.run("replay", past.red).out.startswith("enqueued; ")
    assert operator.run("resend", past.unsent, "--json").json == {"notification": past.unsent, "resend": "enqueued"}


# What is not there

BY_ID = [("events", "show"), ("explain",), ("replay",), ("resend",)]


@pytest.mark.parametrize("words", BY_ID)
def test_an_id_that_is_none_is_wrong_usage(operator: Terminal, words: tuple[str, ...]) -> None:
    said = operator.run(*words, "the-last-one")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("'the-last-one' is not an id; ids look like ")


@pytest.mark.parametrize("words", BY_ID)
def test_an_id_that_nothing_has_ends_with_1(operator: Terminal, words: tuple[str, ...]) -> None:
    said = operator.run(*words, NOWHERE)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("there is no ")


@pytest.mark.parametrize("words", [("events", "list"), ("dead-letters",), *((*words, NOWHERE) for words in BY_ID)])
def test_without_a_database_the_next_step_is_said_and_nothing_is_made(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    said = terminal.run(*words)

    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"there is no database at {terminal.folder}/data/roundsman.db yet; "
        "start `roundsman serve`, or set ROUNDSMAN_DATABASE_URL\n"
    )
    assert not list(terminal.folder.iterdir())


def test_a_database_without_our_schema_is_refused(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.db").touch()
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")

    said = terminal.run("events", "list")

    assert said.code == 2
    assert said.err.startswith("the database is not of this release; ")


def test_what_is_no_database_is_one_sentence(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.db").write_text("a text, and not a database\n" * 100)
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")

    said = terminal.run("events", "list")

    assert (said.code, said.err) == (1, "the database cannot be read now: file is not a database\n")


def test_a_server_that_is_away_is_one_sentence_without_the_password(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_DATABASE_URL="postgresql://ci:an-invented-password@127.0.0.1:1/roundsman")

    said = terminal.run("events", "list")

    assert said.code == 1
    assert said.err.startswith("the database cannot be read now: connection failed")
    assert "an-invented-password" not in said.err

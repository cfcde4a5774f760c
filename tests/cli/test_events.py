"""Commands that look things up, in a folder where a service has lived."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from service.testing.fake_circleci.payloads import as_bytes, cancellation_storm, workflow_completed
from tests.support.app_fixture import RED, Instance
from tests.support.cli_runner import Terminal
from tests.support.sample_history import NOWHERE, Past, operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name


# events


def test_events_are_listed_newest_first_with_whole_ids(operator: Terminal, past: Past) -> None:
    said = operator.run("events", "list", "--event", "any")

    assert said.code == 0
    head, *rows = said.lines
    assert head.split()[:2] == ["when", "(UTC)"]
    assert sorted(row.split()[2] for row in rows) == sorted([past.green, past.red, past.ping])
    assert [row[:19] for row in rows] == sorted((row[:19] for row in rows), reverse=True)


def test_events_list_shows_receivers_told_and_not_told(operator: Terminal, past: Past) -> None:
    rows = {row.split()[2]: row for row in operator.run("events", "list").lines[1:]}

    assert "  failed: web  " in rows[past.red]
    assert "  –  " in rows[past.green]


def test_outside_text_moves_no_cursor(operator: Terminal, past: Past) -> None:
    for words in (("events", "list"), ("events", "show", past.green)):
        said = operator.run(*words)

        assert "Fix\N{REPLACEMENT CHARACTER} [bold]it[/]" in said.out
        assert "\x1b" not in said.out


def test_a_list_in_json_is_the_api_s(operator: Terminal, past: Past) -> None:
    page = operator.run("events", "list", "--event", "any", "--json").json

    assert set(page) == {"items", "next", "looked_back_to", "partial"}
    assert {event["id"] for event in page["items"]} == {past.green, past.red, past.ping}


@pytest.mark.long
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
        (("--status", "failed", "--status", "success"), ["green", "red"]),
        (("--status", "failed", "--status", "error", "--branch", "main", "--branch", "x"), ["red"]),
        (("--author", "Ada Example"), ["green", "red"]),
        (("--since", "30d"), []),
        (("--until", "today"), ["green", "red"]),
        (("--until", "today", "--event", "any"), ["green", "ping", "red"]),
        (("--job", "lint"), []),
        (("--tag", "v1"), []),
        (("--since", "2026-03-03"), []),
        (("--until", "2026-03-02"), []),
    ],
)
def test_each_option_is_a_filter(operator: Terminal, past: Past, options: tuple[str, ...], names: list[str]) -> None:
    page = operator.run("events", "list", "--json", *options).json

    assert {event["id"] for event in page["items"]} == {getattr(past, name) for name in names}


def test_page_prints_the_cursor_of_the_next(operator: Terminal) -> None:
    first = operator.run("events", "list", "--event", "any", "--limit", "2")
    cursor = first.lines[-1].removeprefix("older ones: --cursor ")

    second = operator.run("events", "list", "--event", "any", "--limit", "2", "--cursor", cursor)

    assert (len(first.lines), len(second.lines)) == (4, 2)


async def test_news_that_repeats_is_listed_as_the_same(instance: Instance, terminal: Terminal) -> None:
    for payload in cancellation_storm(replace(RED, status="canceled")):
        await instance.post(payload)
    await instance.finish(replace(RED, number=4_711))
    await instance.drain()
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.settings.database_url)

    listed = await asyncio.to_thread(terminal.run, "events", "list", "--status", "canceled")

    rows = [line for line in listed.lines if "  canceled  " in line]
    assert ["same news" in row for row in rows] == [*[True] * len(RED.jobs), False]


def test_a_filter_that_cannot_know_all_says_so_beside_the_answer(operator: Terminal) -> None:
    told = operator.run("events", "list", "--actor", "ada")
    shape = operator.run("events", "list", "--actor", "ada", "--json")
    sure = operator.run("events", "list", "--author", "Ada Example", "--json")

    sentence = (
        "the actor is known only where CircleCI was asked: of 1 of the newest 2 events in this span; author finds"
    )
    assert told.err.startswith(f"this answer may lack events: {sentence}")
    assert [partial.startswith(sentence) for partial in shape.json["partial"]] == [True]
    assert (shape.err, sure.json["partial"]) == ("", [])


@pytest.mark.parametrize("option", [("--branch", "nowhere"), ("--status", "not_run"), ("--status", "ERROR,!failed")])
def test_nothing_found_is_said(operator: Terminal, option: tuple[str, str]) -> None:
    said = operator.run("events", "list", *option)

    assert (said.code, said.out) == (0, "no events\n")


def test_nothing_found_in_a_span_names_the_clock_of_the_span(operator: Terminal) -> None:
    said = operator.run("events", "list", "--since", "2098-01-01")

    assert said.out == "no events; --since goes by when they happened at CircleCI, not by when they were received\n"


@pytest.mark.parametrize(("written", "meant"), [("faild", "failed"), ("cancelled", "canceled")])
def test_a_status_that_looks_misspelt_is_doubted(operator: Terminal, written: str, meant: str) -> None:
    said = operator.run("events", "list", "--status", written)

    assert said.out == f"no events; {written} is not a known status; did you mean {meant}?\n"


def test_status_that_is_like_none_is_answered_with_those_there_are(operator: Terminal) -> None:
    said = operator.run("events", "list", "--status", "on-fire")

    assert said.out.startswith("no events; on-fire is not a known status; there are success, failed, error,")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--limit", "0"), "--limit must be a whole number from 1 to 200"),
        (
            ("--since", "someday"),
            "'someday' is not a time; write 2026-11-22, 2026-11-22T09:30:00Z, 7d, 1h30m, yesterday",
        ),
        (("--since", "2026-11-23", "--until", "2026-11-22"), "until must be the later time"),
        (("--event", "x"), "'x' is not a kind of event"),
        (("--cursor", "x"), "this is no cursor of Roundsman's; start again without it"),
        (("--limit", "many"), "--limit must be a whole number from 1 to 200, not 'many'"),
        (("--colour", "red"), "there is no option --colour"),
    ],
)
def test_a_question_that_makes_no_sense_is_wrong_usage(
    operator: Terminal, options: tuple[str, ...], sentence: str
) -> None:
    said = operator.run("events", "list", *options)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_event_is_shown_with_facts_details_and_notifications(operator: Terminal, past: Past) -> None:
    said = operator.run("events", "show", past.red)

    assert said.code == 0
    assert said.lines[0] == "acme/web main: build-and-test failed"
    for line in (
        "  project     github/acme/web",
        f"  pipeline    {RED.number}",
        "  by          Ada Example",
        "  received    2026-03-02 09:30:00 UTC",
        "  delivery    settled, posted once",
        "route 'red' to web: matched",
        "  not known   jobs: CircleCI answered 410 to GET /workflow/{id}/job: Something unexpected happened.",
        "  attempt 1 at 2026-03-02 09:30:00 UTC: sent: taken",
        "    acme/web main: build-and-test failed",
        "  attempt 1 at 2026-03-02 09:30:00 UTC: put off: the pager is busy",
        "  attempt 2 at 2026-03-02 09:31:00 UTC: dead: the pager is gone",
        f"web (json 2): not delivered: the pager is gone  (notification {past.unsent})",
    ):
        assert line in said.lines


def test_ping_is_shown_as_a_ping(operator: Terminal, past: Past) -> None:
    said = operator.run("events", "show", past.ping)

    assert said.lines[0] == "a ping: CircleCI tried whether it reaches us"


@pytest.mark.parametrize("words", [("events", "show"), ("explain",)])
def test_the_id_of_a_notification_leads_to_its_event(operator: Terminal, past: Past, words: tuple[str, ...]) -> None:
    assert operator.run(*words, past.unsent[:8]).out == operator.run(*words, past.red).out


@pytest.mark.parametrize("words", [("events", "show"), ("explain",)])
def test_the_id_of_a_delivery_without_an_event_names_where_its_body_is(
    operator: Terminal, past: Past, words: tuple[str, ...]
) -> None:
    said = operator.run(*words, past.unread)

    assert "it was not understood (" in said.err
    assert "); `roundsman dead-letters --json` and its page show the body" in said.err


@pytest.mark.parametrize("words", [("events", "show"), ("explain",)])
def test_the_beginning_of_an_id_is_enough(operator: Terminal, past: Past, words: tuple[str, ...]) -> None:
    assert operator.run(*words, past.red[:8]).out == operator.run(*words, past.red).out


def test_an_event_in_json_is_the_api_s(operator: Terminal, past: Past) -> None:
    shape = operator.run("events", "show", past.red, "--json").json

    assert shape["id"] == past.red
    assert {"details", "decisions", "notifications", "delivery", "actions"} <= set(shape)
    assert json.loads(shape["delivery"]["body"]) == json.loads(as_bytes(workflow_completed(RED)))


# explain


def test_a_message_is_explained_by_each_route_s_reason(operator: Terminal, past: Past) -> None:
    said = operator.run("explain", past.red)

    assert said.code == 0
    assert said.lines[0] == "acme/web main: build-and-test failed"
    assert said.lines[1].startswith("  pipeline ")
    assert said.lines[2].startswith("  https://app.circleci.com/pipelines/")
    assert said.lines[3] == "route 'red' to web: matched"
    assert "status failed matches failed" in said.lines[4]


@pytest.mark.parametrize("digits", [8, 13, 36])
def test_first_digits_of_an_incident_explain_its_last_red_run(operator: Terminal, past: Past, digits: int) -> None:
    [incident] = operator.run("incidents", "list", "--json").json["items"]

    said = operator.run("explain", incident["id"][:digits])
    unknown = operator.run("explain", "deadbeef")

    assert said.lines == operator.run("explain", past.red).lines
    assert unknown.code == 1
    assert "deadbeef" in unknown.err


def test_a_silence_is_explained_too_and_older_rounds_are_short(operator: Terminal, past: Past) -> None:
    said = operator.run("explain", past.green)

    assert [said.lines[0], *said.lines[3:]] == [
        "acme/web main: build-and-test success",
        "judged again at 2026-03-02 09:31:00 UTC",
        "route 'red' to web: not matched",
        "  status success is not failed or error",
        "judged at 2026-03-02 09:30:00 UTC",
        "route 'red' to web: not matched",
        "replay at 2026-03-02 09:31:00 UTC by api token of admin",
    ]


def test_without_routes_the_reason_is_that_there_were_none(operator: Terminal, past: Past) -> None:
    with closing(sqlite3.connect(operator.folder / "roundsman.db")) as connection, connection:
        connection.execute("DELETE FROM decisions")

    said = operator.run("explain", past.green)

    assert said.lines[3] == "no receiver was told: roundsman.yaml had no routes"


def test_explain_json_has_decisions_notifications_and_actions(operator: Terminal, past: Past) -> None:
    shape = operator.run("explain", past.red, "--json").json

    run = {"id", "status", "happened_at", "project", "branch", "tag", "workflow", "pipeline", "revision"}
    assert set(shape) == {*run, "decisions", "notifications", "evidence", "actions"}
    assert {(one["channel_label"], one["state"]) for one in shape["notifications"]} == {
        ("web (json)", "sent"),
        ("web (json 2)", "dead"),
    }


# dead-letters


def test_dead_letters_are_listed_with_their_commands(operator: Terminal, past: Past) -> None:
    said = operator.run("dead-letters")

    assert said.code == 1
    for line in (
        f"  roundsman replay {past.unread}",
        f"  roundsman dismiss {past.unread}",
        f"notification {past.unsent} to web (json 2): not delivered: the pager is gone",
        f"  roundsman resend {past.unsent}",
        f"  roundsman dismiss {past.unsent}",
        f"  roundsman explain {past.red}",
    ):
        assert line in said.lines


def test_dismissed_dead_letters_are_listed_separately(operator: Terminal, past: Past) -> None:
    before = operator.run("dead-letters", "--dismissed")
    for dead in (past.unread, past.unsent):
        operator.run("dismiss", dead, "--because", "told by phone")

    said = operator.run("dead-letters", "--dismissed")
    waiting = operator.run("dead-letters")

    assert (before.code, before.out) == (0, "nothing was dismissed\n")
    assert said.code == 0
    assert [line for line in said.lines if line.startswith("  roundsman")] == [
        f"  roundsman replay {past.unread}",
        f"  roundsman resend {past.unsent}",
        f"  roundsman explain {past.red}",
    ]
    assert " ".join(said.out.split()).count(", because: told by phone") == 2
    shown = operator.run("dead-letters", "--dismissed", "--json").json
    assert [one["actions"][-1]["reason"] for one in [*shown["deliveries"], *shown["notifications"]]] == [
        "told by phone"
    ] * 2
    assert (waiting.code, waiting.out) == (0, "nothing waits for a person\n")


def test_dead_letters_in_json_are_the_api_s(operator: Terminal, past: Past) -> None:
    said = operator.run("dead-letters", "--json")

    assert said.code == 1
    assert [delivery["id"] for delivery in said.json["deliveries"]] == [past.unread]
    assert [notification["id"] for notification in said.json["notifications"]] == [past.unsent]


# What is not there

BY_ID = [("events", "show"), ("explain",), ("replay",), ("resend",), ("dismiss",)]


@pytest.mark.parametrize("words", BY_ID)
def test_an_id_that_is_none_is_wrong_usage(operator: Terminal, words: tuple[str, ...]) -> None:
    said = operator.run(*words, "the-last-one")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("'the-last-one' is not an id; ids look like ")


@pytest.mark.long
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
        "start `roundsman serve`, or, where it runs in another folder, go there or set ROUNDSMAN_DATABASE_URL\n"
    )
    assert not list(terminal.folder.iterdir())


def test_a_database_without_our_schema_is_refused(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.db").touch()
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")

    said = terminal.run("events", "list")

    assert said.code == 2
    assert said.err.startswith("the database is not of this release; ")


def test_file_that_is_no_database_is_one_sentence(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.db").write_text("a text, and not a database\n" * 100)
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")

    said = terminal.run("events", "list")

    assert said.code == 2
    assert said.err.startswith("the database cannot be read now: file is not a database; name another file in ")


def test_a_server_that_is_away_is_one_sentence_without_the_password(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_DATABASE_URL="postgresql://ci:an-invented-password@127.0.0.1:1/roundsman")

    said = terminal.run("events", "list")

    assert said.code == 1
    assert said.err.startswith("the database cannot be read now: it cannot be reached; see that it runs, ")
    assert said.err.count("\n") == 1
    assert "an-invented-password" not in said.err

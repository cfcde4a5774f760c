"""The JSON API: its shapes, its filters and pages, and doing things again."""

import re
from datetime import timedelta
from typing import Any

import pytest

from service.errors import Permanent
from service.testing import sample_runs
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, job_completed, ping, workflow_completed
from tests.support.app_fixture import GREEN, MONDAY, RED, Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EVENT_KEYS = (
    *("id", "kind", "source_event_id", "happened_at", "received_at", "via", "org", "project", "pipeline", "workflow"),
    *(
        "job",
        "status",
        "branch",
        "tag",
        "revision",
        "commit",
        "actor",
        "trigger",
        "duration_ms",
        "queue_ms",
        "pull_request",
    ),
    *("transition", "streak", "incident", "is_late", "number_in_pipeline"),
)
PART_KEYS = {
    "project": ["id", "slug", "name", "default_branch", "full_name"],
    "pipeline": ["id", "number", "definition_id"],
    "workflow": ["id", "name", "status", "url"],
    "commit": ["subject", "author_name", "author_email", "url"],
    "actor": ["id", "login", "name"],
    "pull_request": ["number", "url"],
}


async def asked(instance: Instance, query: str = "") -> Any:
    response = await instance.http.get(f"/api/v1/events?{query}")
    assert response.status_code == 200, response.text
    return response.json()


async def ids(instance: Instance, query: str = "") -> list[str]:
    return [event["id"] for event in (await asked(instance, query))["items"]]


@pytest.fixture
async def day(instance: Instance) -> dict[str, str]:
    """A morning at web, and what each event's id is."""
    lint = RED.jobs[0]
    instance.pretend.run_finished(RED)
    made = {
        "ping": await instance.post(ping(WEB, sample_runs.clock(MONDAY, "08:30"))),
        "red": await instance.post(workflow_completed(RED)),
        "lint": await instance.post(job_completed(RED, lint)),
        "green": await instance.finish(GREEN),
        "mobile": await instance.finish(sample_runs.mobile_main(MONDAY)),
    }
    await instance.drain()
    return made


# Shapes


async def test_an_event_of_every_kind_has_these_keys(instance: Instance, day: dict[str, str]) -> None:
    page = await asked(instance)

    assert set(page) == {"items", "next", "looked_back_to", "partial"}
    assert page["next"] is None
    assert len(page["items"]) == len(day)
    for event in page["items"]:
        assert tuple(event) == EVENT_KEYS
        assert {part: list(event[part]) for part in PART_KEYS} == PART_KEYS


async def test_what_is_absent_is_null_and_never_empty(instance: Instance, day: dict[str, str]) -> None:
    [event] = (await asked(instance, "event=ping"))["items"]

    assert event["id"] == day["ping"]
    assert event["workflow"] == {"id": None, "name": None, "status": None, "url": None}
    assert [event[name] for name in ("job", "status", "branch", "tag", "trigger", "duration_ms")] == [None] * 6


async def test_a_workflow_is_told_in_words_and_numbers(instance: Instance, day: dict[str, str]) -> None:
    [event] = (await asked(instance, "status=failed&event=workflow-completed"))["items"]

    assert event["id"] == day["red"]
    assert (event["kind"], event["via"], event["status"], event["branch"]) == (
        "workflow-completed",
        "webhook",
        "failed",
        "main",
    )
    assert event["project"] == {
        "id": WEB.id,
        "slug": "github/acme/web",
        "name": "web",
        "default_branch": None,
        "full_name": "acme/web",
    }
    assert TIME.fullmatch(event["happened_at"])
    assert event["received_at"] == "2026-03-02T09:30:00.000Z"
    assert event["actor"]["login"] == "ada"  # asked for, since somebody was told


async def test_a_job_has_its_own_status_and_number(instance: Instance, day: dict[str, str]) -> None:
    [event] = (await asked(instance, "event=job-completed"))["items"]

    assert event["id"] == day["lint"]
    assert set(event["job"]) == {"id", "name", "number", "status"}
    assert event["job"]["status"] == event["status"] == "success"


async def test_an_event_s_page_tells_the_whole_story(instance: Instance, day: dict[str, str]) -> None:
    story = await instance.show(day["red"])

    assert tuple(story) == (
        *(*EVENT_KEYS, "details", "evidence", "spans", "decisions", "notifications", "delivery", "actions"),
    )
    [decision] = story["decisions"]
    assert tuple(decision) == (
        *("round", "decided_at", "position", "route", "receiver", "verdict", "reason", "verdict_today"),
    )
    assert (decision["round"], decision["route"], decision["verdict"]) == (1, "red", "matched")
    [notification] = story["notifications"]
    assert set(notification) == {
        *("id", "event_id", "route", "receiver", "channel_label", "channel_kind", "state", "created_at"),
        *("next_attempt_at", "give_up_at", "reason", "sent_at", "title", "words", "attempts"),
        *("news", "incident", "waits_for", "told_in"),
    }
    assert notification["state"] == "sent"
    [attempt] = notification["attempts"]
    assert {name: attempt[name] for name in ("number", "outcome", "reason", "receipt")} == {
        "number": 1,
        "outcome": "sent",
        "reason": None,
        "receipt": "taken",
    }
    assert attempt["started_at"] == attempt["ended_at"] == "2026-03-02T09:30:00.000Z"
    assert story["details"]["wanted"] == ["actor", "jobs", "passes", "steps", "tests"]
    assert story["details"]["may_improve"] is False
    assert story["delivery"]["body"] == as_bytes(workflow_completed(RED)).decode()
    assert story["delivery"]["signed"]["secret"] == 1
    assert story["actions"] == []


@pytest.mark.long
async def test_a_body_that_is_no_text_is_shown_with_escapes(instance: Instance) -> None:
    await instance.send(b'{"type": "\xff"}')
    await instance.drain()

    [delivery] = (await instance.dead_letters())["deliveries"]

    assert delivery["body"] == '{"type": "\\xff"}'


# Filters


FILTERS = {
    "project=gh/acme/web": ["green", "lint", "red"],
    "project=github/acme/web": ["green", "lint", "red"],
    "project=mobile": ["mobile"],
    "branch=main&project=web": ["green", "lint", "red"],
    "branch=mai": [],
    "tag=v1": [],
    "workflow=build-and-test&status=failed": ["red"],
    "job=lint": ["lint"],
    "status=success&event=workflow-completed": ["mobile", "green"],
    "event=job-completed": ["lint"],
    "event=any": ["mobile", "green", "red", "lint", "ping"],
    "event=ping&event=ANY": ["mobile", "green", "red", "lint", "ping"],
    "q=event%3Aany%20lint": ["lint"],
    "actor=ada": ["red"],
    "status=success&status=failed&branch=main&branch=x&project=web&event=workflow-completed": ["green", "red"],
    "status=&status=failed": ["red"],
    "actor=nobody&actor=ada": ["red"],
    "actor=Ada%20Example": ["red"],
    "q=LINT": ["lint"],
    "q=acme%20lint": ["lint"],
    "q=%25": [],
    "since=2026-03-03": [],
    "until=2026-03-02": [],
    "since=2026-03-02T08:30:00Z&until=2026-03-02T08:30:01Z": ["ping"],
    "since=2026-03-02T09:30:00%2B01:00&until=2026-03-02T09:30:01%2B01:00": ["ping"],
    "project=&branch=%20&q=": ["mobile", "green", "red", "lint", "ping"],
}


@pytest.mark.databases("sqlite", "postgres")
async def test_a_filter_keeps_what_fits(instance: Instance, day: dict[str, str]) -> None:
    names = {event_id: name for name, event_id in day.items()}

    found = {query: sorted(names[event_id] for event_id in await ids(instance, query)) for query in FILTERS}

    assert found == {query: sorted(wanted) for query, wanted in FILTERS.items()}


async def test_events_come_newest_first(instance: Instance, day: dict[str, str]) -> None:
    times = [event["happened_at"] for event in (await asked(instance))["items"]]

    assert len(times) == len(day)
    assert times == sorted(times, reverse=True)


@pytest.mark.long
async def test_pages_hang_together_while_new_events_come_in(instance: Instance, day: dict[str, str]) -> None:
    expected = await ids(instance)
    first = await asked(instance, "limit=2")
    await instance.finish(sample_runs.web_main_fixed(MONDAY + timedelta(days=1)))
    await instance.drain()

    second = await asked(instance, f"limit=2&cursor={first['next']}")
    third = await asked(instance, f"limit=2&cursor={second['next']}")

    pages = [[event["id"] for event in page["items"]] for page in (first, second, third)]
    assert pages == [expected[:2], expected[2:4], expected[4:]]
    assert third["next"] is None
    assert len(await ids(instance)) == len(day) + 1


# Doing things again


async def test_dead_letters_are_what_waits_for_a_person(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    await instance.finish(RED)
    await instance.send(b'{"type": "new"}')
    await instance.drain()

    waiting = await instance.dead_letters()

    assert set(waiting) == {"deliveries", "notifications", "next"}
    [delivery], [notification] = waiting["deliveries"], waiting["notifications"]
    assert set(delivery) == {
        *("id", "source", "source_event_id", "via", "received_at", "headers", "state", "reason", "repeats"),
        *("failures", "signed", "body", "body_bytes", "actions"),
    }
    assert (delivery["state"], notification["state"]) == ("dead", "dead")
    assert notification["reason"] == "the channel is gone"


async def test_a_replay_is_enqueued_and_recorded_with_credential_and_time(
    instance: Instance, day: dict[str, str]
) -> None:
    response = await instance.http.post(f"/api/v1/deliveries/{day['red']}/replay")
    await instance.drain()

    assert (response.status_code, response.json()) == (202, {"delivery": day["red"], "replay": "enqueued"})
    story = await instance.show(day["red"])
    assert story["actions"] == [
        {
            "verb": "replay",
            "subject_id": day["red"],
            "who": "api token of admin",
            "at": "2026-03-02T09:30:00.000Z",
            "reason": None,
        }
    ]
    assert [decision["round"] for decision in story["decisions"]] == [2, 1]
    assert instance.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_resend_is_taken_recorded_and_sent(instance: Instance, day: dict[str, str]) -> None:
    [notification] = (await instance.show(day["red"]))["notifications"]

    response = await instance.http.post(f"/api/v1/notifications/{notification['id']}/resend")
    await instance.drain()

    assert (response.status_code, response.json()) == (
        202,
        {"notification": notification["id"], "resend": "enqueued"},
    )
    story = await instance.show(day["red"])
    assert [(action["verb"], action["who"]) for action in story["actions"]] == [("resend", "api token of admin")]
    assert [attempt["number"] for attempt in story["notifications"][0]["attempts"]] == [1, 2]
    assert instance.channels.told == ["web (json)"] * 2

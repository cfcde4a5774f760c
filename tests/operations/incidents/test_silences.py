"""Silences: asked for over the API, and what becomes of messages meanwhile."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.operations.incidents.silences import parse_silence, preview
from service.testing.fake_circleci.payloads import job_completed
from tests.support.app_fixture import GREEN, NINE, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

AGAIN = replace(RED, number=1500)
MAIN: dict[str, Any] = {"matchers": {"branch": "main"}, "until": "2h", "comment": "the runner is being replaced"}


async def silence(instance: Instance, **fields: Any) -> Any:
    response = await instance.http.post("/api/v1/silences", json=MAIN | fields)
    assert response.status_code == 201, response.text
    return response.json()


async def listed(instance: Instance, query: str = "") -> list[str]:
    response = await instance.http.get(f"/api/v1/silences{query}")
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()["items"]]


async def test_a_silenced_event_is_told_to_no_channel_and_its_decision_says_why(instance: Instance) -> None:
    made = await silence(instance)

    event = await instance.finish(RED)
    await instance.drain()

    assert instance.channels.told == []
    shown = await instance.show(event)
    [decision] = shown["decisions"]
    assert (shown["notifications"], decision["verdict"], decision["verdict_today"]) == ([], "silenced", None)
    assert decision["reason"] == (
        "status failed matches failed; silenced until 2026-03-02 11:30 UTC by api token of admin: "
        f"the runner is being replaced (silence {made['id'][:8]})"
    )


async def test_what_it_does_not_fit_is_told(instance: Instance) -> None:
    await silence(instance, matchers={"branch": ["release/*"]})

    await instance.finish(RED)
    await instance.drain()

    assert len(instance.channels.told) == 1


async def test_it_may_name_transitions_and_jobs(instance: Instance) -> None:
    for matchers in ({"transition": "broke"}, {"job": "lint"}, {"event": "job-completed", "job": ["lint"]}):
        made = await silence(instance, matchers=matchers)

        assert list(made["matchers"]) == list(matchers)


async def test_it_ends_by_itself(instance: Instance) -> None:
    made = await silence(instance)

    instance.clock.tick(hours=2)
    await instance.finish(RED)
    await instance.drain()

    assert len(instance.channels.told) == 1
    assert await listed(instance) == []
    assert await listed(instance, "?state=expired") == [made["id"]]


async def test_it_begins_later_if_asked_to(instance: Instance) -> None:
    made = await silence(instance, **{"from": "2026-03-02T12:00:00Z"})

    assert (made["state"], made["from"], made["until"]) == (
        "pending",
        "2026-03-02T12:00:00.000Z",
        "2026-03-02T14:00:00.000Z",
    )
    await instance.finish(RED)
    await instance.drain()
    assert len(instance.channels.told) == 1


async def test_an_operator_ends_it_once_and_is_on_record(instance: Instance) -> None:
    made = await silence(instance)

    instance.clock.tick(minutes=5)
    ended = await instance.http.delete(f"/api/v1/silences/{made['id']}")
    again = await instance.http.delete(f"/api/v1/silences/{made['id']}")

    assert (ended.status_code, ended.json()["state"], ended.json()["expired_by"]) == (
        200,
        "expired",
        "api token of admin",
    )
    assert (again.status_code, again.json()["error"][:60]) == (409, f"silence {made['id']} ended at 2026-0")
    assert instance.rows("SELECT verb, who FROM actions ORDER BY at") == [
        ("silence", "api token of admin"),
        ("expire", "api token of admin"),
    ]


async def test_its_shape_is_documented(instance: Instance) -> None:
    made = await silence(instance, matchers={"project": ["gh/acme/*", "!gh/acme/docs"], "status": "failed"})
    shown = (await instance.http.get(f"/api/v1/silences/{made['id']}")).json()

    assert made == shown | {
        "would_have_silenced": {"messages": 0, "since": "2026-01-31T09:30:00.000Z", "is_partial": False}
    }
    assert {**shown, "id": None} == {
        "id": None,
        "matchers": {"project": ["gh/acme/*", "!gh/acme/docs"], "status": ["failed"]},
        "from": "2026-03-02T09:30:00.000Z",
        "until": "2026-03-02T11:30:00.000Z",
        "who": "api token of admin",
        "comment": "the runner is being replaced",
        "state": "active",
        "created_at": "2026-03-02T09:30:00.000Z",
        "expired_by": None,
    }


@pytest.mark.long
async def test_a_preview_counts_the_messages_of_thirty_days_and_sets_nothing(folder: Path) -> None:
    routes = RED_TO_WEB.replace(
        "match: {status: [failed, error]}", "match: {event: [workflow-completed, job-completed]}"
    )
    async with an_instance(
        folder, routes.replace("[json://web.example.com]", "[json://web.example.com, json://two]")
    ) as instance:
        await instance.finish(RED)
        await instance.post(job_completed(RED, RED.jobs[0]))
        await instance.drain()
        await instance.finish(GREEN)
        await instance.drain(days=20)
        await instance.drain(days=15)  # the first four are too old by now
        await instance.finish(AGAIN)
        await instance.drain()

        previewed = await instance.http.post("/api/v1/silences", json=MAIN | {"preview": True})
        elsewhere = await instance.http.post(
            "/api/v1/silences", json=MAIN | {"preview": True, "matchers": {"job": "lint"}}
        )

    assert previewed.status_code == 200
    assert (previewed.json()["id"], previewed.json()["would_have_silenced"]["messages"]) == (None, 4)
    assert elsewhere.json()["would_have_silenced"]["messages"] == 0


async def test_a_preview_of_too_many_messages_says_how_far_it_looked(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    wanted = parse_silence(MAIN, who="linh", now=instance.clock())

    previewed = await instance.service.context.store.snapshot(preview, wanted, instance.clock(), limit=1)

    assert (previewed.messages, previewed.is_partial, previewed.since) == (1, True, NINE)
    assert previewed.sentence(instance.clock()) == "would have silenced 1 message in 1 day (there were more before)"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"matchers": {}}, 'matchers must say what to silence by match keys, such as {"branch": "main"}'),
        ({"matchers": ["branch"]}, 'matchers must say what to silence by match keys, such as {"branch": "main"}'),
        ({"matchers": {"brunch": "main"}}, "there is no match key 'brunch'; did you mean branch?"),
        ({"matchers": {"flaky": "maybe"}}, "flaky maybe is neither true nor false; write one of them"),
        ({"matchers": {"duration": "20m"}}, "duration 20m is no comparison; write it like '> 20m'"),
        ({"matchers": {"branch": 5}}, "branch must be a text, or a list of texts"),
        ({"matchers": {"branch": ["main", None]}}, "branch must be a text, or a list of texts"),
        ({"matchers": {"branch": []}}, "branch is an empty list; put something into it or remove it"),
        ({"matchers": {"branch": ["x"] * 51}}, "branch may have 50 patterns, and it has 51; use globs"),
        ({"matchers": {"branch": "x" * 1001}}, "a pattern of branch may have 1000 characters; shorten it"),
        ({"matchers": {"event": "workflow"}}, "event workflow is not an event; did you mean workflow-completed?"),
        ({"until": None}, "until is missing; write when the silence ends, such as 2h or 2026-11-22T09:30:00Z"),
        ({"until": 7}, "until must be a text, such as 2h or 2026-11-22T09:30:00Z"),
        ({"until": "2026-03-02T09:30"}, "until must be later than now and than from: else nothing is silenced"),
        ({"until": "31d"}, "a silence may last 30 days at most, so that none is forgotten; choose an earlier until"),
        ({"from": "91d", "until": "1h"}, "from may be at most 90 days ahead; choose an earlier one"),
        ({"until": "9999-01-01"}, "'9999-01-01' is too far away; write 2h, 1d12h, 2026-11-22 or 2026-11-22T09:30:00Z"),
        ({"comment": " \n"}, "comment is missing; say why it is silenced, for those who wonder"),
        ({"comment": "x" * 501}, "a comment may have 500 characters, and this one has 501; shorten it"),
        ({"untill": "2h"}, "'untill' is no field of a silence; there are matchers, from, until, comment"),
        ({"preview": "yes"}, "preview must be true or false"),
    ],
)
async def test_a_wrong_request_is_refused_with_the_next_step(instance: Instance, fields: Any, problem: str) -> None:
    response = await instance.http.post("/api/v1/silences", json=MAIN | fields)

    assert (response.status_code, response.json()) == (400, {"error": problem})
    assert instance.rows("SELECT * FROM silences") == []


@pytest.mark.long
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"[" * 60_000, 400), (b'{"a": "' + b"x" * 70_000, 413), (b"\xff", 400)],
)
async def test_a_body_that_is_no_object_is_refused(instance: Instance, body: bytes, status: int) -> None:
    response = await instance.http.post("/api/v1/silences", content=body)

    assert response.status_code == status
    assert response.json()["error"]


@pytest.mark.databases("sqlite")
async def test_strangers_may_do_nothing(instance: Instance) -> None:
    made = await silence(instance)
    async with instance.stranger() as stranger:
        answers = [
            await stranger.get("/api/v1/silences"),
            await stranger.post("/api/v1/silences", json=MAIN),
            await stranger.get(f"/api/v1/silences/{made['id']}"),
            await stranger.delete(f"/api/v1/silences/{made['id']}"),
        ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert await listed(instance) == [made["id"]]


async def test_lists_go_by_the_end_and_ended_ones_page_by_page(instance: Instance) -> None:
    made = [(await silence(instance, until=f"{hours}h"))["id"] for hours in (1, 3, 2)]
    assert await listed(instance) == [made[1], made[2], made[0]]
    instance.clock.tick(hours=4)

    first = (await instance.http.get("/api/v1/silences?state=expired&limit=2")).json()
    rest = (await instance.http.get(f"/api/v1/silences?state=expired&cursor={first['next']}")).json()

    assert [one["id"] for one in first["items"]] == [made[1], made[2]]
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([made[0]], None)


async def test_ended_silences_are_forgotten_with_old_events(instance: Instance) -> None:
    await silence(instance)
    instance.clock.now = NINE + instance.service.context.keep_for + timedelta(hours=1)
    await instance.service.pipeline.prune()
    assert len(instance.rows("SELECT * FROM silences")) == 1

    instance.clock.tick(hours=2)
    await instance.service.pipeline.prune()

    assert instance.rows("SELECT * FROM silences") == []

"""What the log says: one line for each request and each job, found by the request's id and by the delivery's."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.errors import Permanent
from service.model import FetchPurpose
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, SECRET, TOKEN, Instance
from tests.support.log_capture import Talk, logged
from tests.support.operator_client import Operator

MADE = r"[0-9a-f]{32}"


@pytest.fixture
def talk() -> Iterator[Talk]:
    with logged() as talk:
        yield talk


def said(talk: Talk, event: str) -> list[dict[str, Any]]:
    """The lines of this name, without their time."""
    return [{key: line[key] for key in line if key != "timestamp"} for line in talk.lines if line["event"] == event]


def stopped(line: dict[str, Any]) -> dict[str, Any]:
    """A line without how long it took, which must be there."""
    assert line.pop("ms") >= 0
    return line


# requests


async def test_a_request_is_one_line_with_its_route_and_not_its_address(instance: Instance, talk: Talk) -> None:
    response = await instance.http.get("/api/v1/events/11111111-2222-4333-8444-555555555555?x=secret")

    [line] = talk.lines
    assert line["ms"] > 0
    assert stopped(said(talk, "request")[0]) == {
        "event": "request",
        "level": "info",
        "request": response.headers["x-request-id"],
        "method": "GET",
        "route": "/api/v1/events/{id}",
        "status": 404,
    }


async def test_a_post_at_the_hook_is_one_line_too_with_what_became_of_it(instance: Instance, talk: Talk) -> None:
    body = as_bytes(workflow_completed(RED))

    response = await instance.send(body)

    [line] = talk.lines
    del line["timestamp"]
    assert stopped(line) == {
        "event": "delivery",
        "level": "info",
        "request": response.headers["x-request-id"],
        "method": "POST",
        "route": "/hooks/circleci",
        "status": 202,
        "source": "circleci",
        "result": "kept",
        "reason": None,
        "delivery": response.json()["delivery"],
        "bytes": len(body),
        "secret": 1,
    }


async def test_a_post_that_is_refused_says_why(instance: Instance, talk: Talk) -> None:
    await instance.send(b"{}", secret="another", **{"user-agent": "a-forger/1.0\x1b[31m"})

    [line] = said(talk, "delivery")
    assert (line["status"], line["result"]) == (401, "bad_signature")
    assert (line["client"], line["user_agent"]) == ("127.0.0.1", "a-forger/1.0")
    assert line["reason"].startswith("the post is signed, but by none of the secrets we know")
    assert "delivery" not in line


@pytest.mark.parametrize("path", ["/healthz", "/readyz?check=database", "/metrics"])
async def test_what_machines_ask_all_the_time_is_not_worth_a_line(instance: Instance, talk: Talk, path: str) -> None:
    response = await instance.http.get(path)

    assert response.status_code == 200
    assert re.fullmatch(MADE, response.headers["x-request-id"])
    assert talk.lines == []


async def test_unless_it_goes_wrong(instance: Instance, talk: Talk) -> None:
    await instance.http.get("/readyz")

    [line] = talk.lines
    assert (line["level"], line["route"], line["status"]) == ("warning", "/readyz", 503)


async def test_an_address_at_which_there_is_nothing_is_not_repeated(instance: Instance, talk: Talk) -> None:
    await instance.http.get("/api/v1/a-secret-in-the-wrong-place")

    [line] = talk.lines
    assert (line["route"], line["status"]) == ("none", 404)
    assert "wrong-place" not in talk.getvalue()


@pytest.mark.parametrize("given", ["7", "a" * 64, "Root=1-67891233-abcdef012345678912345678", "4bf92f35/b+7-x_y.z:1"])
async def test_the_id_that_came_with_a_request_is_its_id(instance: Instance, talk: Talk, given: str) -> None:
    response = await instance.http.get("/", headers={"X-Request-Id": given})

    assert response.headers["x-request-id"] == given
    assert talk.lines[0]["request"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "<script>", '"', "Ω".encode(), b"\x80"])
async def test_what_is_no_id_is_replaced_by_one(instance: Instance, talk: Talk, given: str | bytes) -> None:
    value = given if isinstance(given, bytes) else given.encode()

    response = await instance.http.get("/", headers=[(b"X-Request-Id", value)])

    assert re.fullmatch(MADE, response.headers["x-request-id"])
    assert talk.lines[-1]["request"] == response.headers["x-request-id"]


async def test_each_request_has_an_id_of_its_own(instance: Instance) -> None:
    first, second = [(await instance.http.get("/healthz")).headers["x-request-id"] for _ in range(2)]

    assert first != second


async def test_an_unexpected_error_is_found_in_the_log_by_the_answered_id(instance: Instance, talk: Talk) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = json_object('rounds', 'not a number')")
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", auth=Operator()) as http:
        response = await http.get(f"/api/v1/events/{event}")

    line = said(talk, "request")[-1]
    assert response.status_code == line["status"] == 500
    assert response.headers["x-request-id"] == line["request"]
    assert line["level"] == "warning"


# jobs


async def test_a_delivery_s_way_is_found_by_its_id(instance: Instance, talk: Talk) -> None:
    delivery = await instance.finish(RED)

    await instance.drain()

    assert [(line["event"], line.get("job")) for line in talk.lines if delivery in str(line)] == [
        ("delivery", None),
        ("decided", None),
        ("job", "fetch_message"),
        ("job", "fetch_tests"),
        ("attempt", "send"),
    ]
    assert len(talk.lines) == 5


async def test_a_job_is_one_line_with_its_subject_and_outcome(instance: Instance, talk: Talk) -> None:
    delivery = await instance.finish(RED)

    await instance.drain()

    line = stopped(said(talk, "job")[0])
    line.pop("request", None)  # here requests and jobs share a task; a server gives each its own
    assert line == {"event": "job", "level": "info", "job": "fetch_message", "subject": delivery, "outcome": "done"}


async def test_an_attempt_is_the_line_of_its_job(instance: Instance, talk: Talk) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    delivery = await instance.finish(RED)

    await instance.drain()

    [line] = said(talk, "attempt")
    assert (line["job"], line["subject"], line["event_id"]) == ("send", line["notification"], delivery)
    assert (line["outcome"], line["reason"]) == ("dead", "the channel is gone")
    assert not [one for one in said(talk, "job") if one["job"] == "send"]


async def test_a_job_that_finds_its_work_settled_says_no_more_than_that_it_is_done(
    instance: Instance, talk: Talk
) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()
    before = len(talk.lines)

    await instance.fetch(delivery, FetchPurpose.DECISION)

    [line] = talk.lines[before:]
    assert (line["event"], line["outcome"]) == ("job", "done")


async def test_no_line_of_a_story_has_a_secret(instance: Instance, talk: Talk) -> None:
    await instance.send(b"{}", secret="another")
    await instance.finish(RED)
    await instance.drain()

    assert not [secret for secret in (SECRET, TOKEN, "web.example.com") if secret in talk.getvalue()]


# dead letters


async def test_a_dead_letter_is_a_warning_with_the_next_step(instance: Instance, talk: Talk) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    unread = (await instance.send(b'{"type": "new"}')).json()["delivery"]
    delivery = await instance.finish(RED)
    await instance.drain()

    [notification] = (await instance.show(delivery))["notifications"]
    [of_delivery] = said(talk, "a delivery is a dead letter: `roundsman dead-letters`")
    [of_notification] = said(talk, "a notification is a dead letter: `roundsman dead-letters`")
    assert (of_delivery["level"], of_delivery["delivery"]) == ("warning", unread)
    assert (of_notification["level"], of_notification["notification"]) == ("warning", notification["id"])
    assert of_notification["reason"] == "the channel is gone"
    [attempt] = said(talk, "attempt")
    assert (attempt["level"], attempt["outcome"]) == ("warning", "dead")

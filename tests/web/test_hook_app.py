"""The hook's short path: no middleware runs, and all that middlewares do for other routes is done."""

import asyncio
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, SECRET, Instance, signature
from tests.support.log_capture import logged

BODY = as_bytes(workflow_completed(RED))
SIGNED = {"circleci-signature": signature(BODY)}


def counted(instance: Instance, route: str) -> float | None:
    registry = instance.service.context.metrics.registry
    return registry.get_sample_value("roundsman_request_seconds_count", {"route": route})


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 202), ("a guess", 401)])
async def test_a_post_runs_no_middleware_and_is_counted_once(instance: Instance, secret: str, status: int) -> None:
    response = await instance.send(BODY, secret=secret)

    assert response.status_code == status
    assert instance.service.asgi.middleware_stack is None  # made for the first request that needs it
    assert counted(instance, "/hooks/circleci") == 1


async def test_the_request_of_a_kept_post_has_the_id_of_its_delivery(instance: Instance) -> None:
    response = await instance.send(BODY)

    assert response.headers["x-request-id"] == UUID(response.json()["delivery"]).hex


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("", "/hooks/circleci", 202),
        ("", "/hooks/circleci/", 202),
        ("/ci", "/ci/hooks/circleci", 202),
        ("/ci", "/ci/hooks/circleci/", 202),
        ("/ci", "/hooks/circleci", 202),
        ("/ci", "/cihooks/circleci", 404),
        ("", "/ci/hooks/circleci", 404),
        ("", "/hooks/circleci//", 404),
        ("", "/HOOKS/circleci", 404),
        ("", "/hooks/circleci%00", 404),
    ],
)
async def test_a_post_is_one_line_at_each_spelling_of_the_address(
    instance: Instance, root: str, path: str, status: int
) -> None:
    transport = httpx.ASGITransport(instance.service.asgi, root_path=root)
    with logged() as talk:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            response = await http.post(path, content=BODY, headers=SIGNED)

    assert response.status_code == status
    assert [line["status"] for line in talk.lines] == [status]


async def test_an_unexpected_error_is_answered_logged_and_raised(instance: Instance) -> None:
    instance.change("DROP TABLE deliveries")
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False)
    with logged() as talk:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            response = await http.post("/hooks/circleci", content=BODY, headers=SIGNED)

    assert (response.status_code, set(response.json())) == (500, {"error"})
    assert response.headers["cache-control"] == "no-store"
    [line] = talk.lines
    assert (line["level"], line["status"], line["request"]) == ("warning", 500, response.headers["x-request-id"])
    with pytest.raises(Exception, match="no such table"):
        await instance.send(BODY)


async def test_posts_that_end_together_have_a_line_each(instance: Instance) -> None:
    with logged() as talk:
        responses = await asyncio.gather(*(instance.finish(replace(RED, number=number)) for number in (10, 11, 12)))

    assert sorted(line["delivery"] for line in talk.lines) == sorted(responses)
    assert all(line["request"] == UUID(line["delivery"]).hex for line in talk.lines)

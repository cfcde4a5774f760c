"""Calls at once: as many as CircleCI's rate limits have room for, and no more."""

import asyncio

import httpx
import pytest

from service.circleci.api.client import Client
from service.circleci.api.responses import UserShape
from tests.circleci.test_client import ADA, ME, Clock, client


class Crowd:
    """CircleCI's end: holds each call for a moment, and counts those on the way."""

    def __init__(self, **headers: str) -> None:
        self.headers, self.status = headers, 200
        self.now = self.most = 0

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _turn in range(20):
                await asyncio.sleep(0)
        finally:
            self.now -= 1
        return httpx.Response(self.status, headers=self.headers, json=ADA)

    async def asked_by(self, asking: Client, calls: int = 80) -> int:
        """How many calls were on the way at once, at most."""
        self.most = 0
        await asyncio.gather(*(asking.ask(ME, UserShape) for _ in range(calls)), return_exceptions=True)
        return self.most


@pytest.mark.parametrize(
    ("headers", "most"),
    [
        ({}, 4),
        ({"RateLimit-Limit": "5000"}, 4),
        ({"RateLimit-Remaining": "600", "RateLimit-Reset": "60"}, 10),
        ({"RateLimit-Remaining": "99999", "RateLimit-Reset": "60"}, 16),
        ({"RateLimit-Remaining": "60", "RateLimit-Reset": "60"}, 4),
        ({"X-RateLimit-Remaining-Second": "8", "X-RateLimit-Reset-Second": "0"}, 8),
        (
            {
                "RateLimit-Remaining": "6000",
                "RateLimit-Reset": "60",
                "X-RateLimit-Remaining-Hour": "18000",
                "X-RateLimit-Reset-Hour": "3600",
            },
            5,
        ),
        ({"RateLimit": '"default";r=420;t=60'}, 7),
        ({"RateLimit-Remaining": "many", "RateLimit-Reset": "soon"}, 4),
        ({"RateLimit-Remaining": "9" * 400, "RateLimit-Reset": "60"}, 4),
    ],
)
async def test_as_many_calls_are_on_the_way_as_the_limits_leave_room_for(headers: dict[str, str], most: int) -> None:
    crowd = Crowd(**headers)

    assert await crowd.asked_by(client(crowd)) == most


async def test_refusal_for_too_many_calls_leaves_fewer_until_answers_come_again() -> None:
    crowd = Crowd(**{"RateLimit-Remaining": "99999", "RateLimit-Reset": "60"})
    clock = Clock()
    asking = client(crowd, clock=clock)
    before = await crowd.asked_by(asking)
    crowd.status = 429
    await crowd.asked_by(asking, 1)
    clock.passes(61)
    crowd.status = 200
    refused = await crowd.asked_by(asking, 8)
    again = await crowd.asked_by(asking)

    assert (before, refused, again) == (16, 8, 16)


async def test_slot_of_a_cancelled_caller_is_handed_on() -> None:
    crowd = Crowd()
    asking = client(crowd)
    cancelled = [asyncio.create_task(asking.ask(ME, UserShape)) for _ in range(12)]
    await asyncio.sleep(0)
    for task in cancelled[::2]:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)

    assert await crowd.asked_by(asking) == 4

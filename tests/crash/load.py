"""What CircleCI posts: broken workflows, some of them twice, cancellations that come as a storm, and riddles."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID

import httpx

from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import Payload, as_bytes, cancellation_storm, workflow_completed
from tests.support.app_fixture import RED, signature

SENDERS = 8
MAX_CHANGES = 60  # what is still to be sent when the last process is back must not take for ever


@dataclass(kw_only=True)
class Load:
    """Posts until it is told to stop; who gets no answer does not try again, so that only a 202 is a promise.

    most           changes to post about
    lasts_s        seconds over which they are spread, about
    on_run         told of each run before it is posted: CircleCI can answer for it
    acknowledged   deliveries that were answered with 202, and which change each was about
    riddles        deliveries that were answered with 202, and that no release understands
    """

    door: Callable[[], str]
    chances: Random
    most: int = MAX_CHANGES
    lasts_s: float = 0.0
    on_run: Callable[[Run], None] = lambda _: None
    acknowledged: dict[UUID, str] = field(default_factory=dict)
    riddles: set[UUID] = field(default_factory=set)
    posted: int = 0
    stopping: bool = False
    number: int = 0

    async def run(self) -> None:
        """Post from several sides at once."""
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            await asyncio.gather(*(self._send(http) for _ in range(SENDERS)))

    async def _send(self, http: httpx.AsyncClient) -> None:
        longest = max(0.1, 2 * SENDERS * self.lasts_s / self.most)
        while not self.stopping and self.number < self.most:
            await asyncio.sleep(self.chances.uniform(0, longest))
            if address := self.door():
                for payload in self._next():
                    await self.post(http, address, payload)

    def _next(self) -> list[Payload]:
        self.number += 1
        run = replace(RED, number=self.number, subject=f"Change {self.number}")
        self.on_run(run)
        match self.chances.randrange(10):
            case 0:
                return list(cancellation_storm(replace(run, status="canceled")))
            case 1:
                return [workflow_completed(run)] * 2
            case 2:
                return [workflow_completed(run), {**workflow_completed(run), "id": f"riddle-{run.number}", "type": "?"}]
        return [workflow_completed(run)]

    async def post(self, http: httpx.AsyncClient, address: str, payload: Payload) -> None:
        """Post once; what was acknowledged is noted."""
        body = as_bytes(payload)
        headers = {"circleci-signature": signature(body)}
        self.posted += 1
        try:
            answer = await http.post(f"{address}/hooks/circleci", content=body, headers=headers)
        except httpx.TransportError:  # it died
            return
        if answer.status_code != 202:
            return
        delivery = UUID(answer.json()["delivery"])
        if payload["type"] == "?":
            self.riddles.add(delivery)
            return
        change = re.search(rb"Change \d+", body)
        assert change is not None
        self.acknowledged[delivery] = change[0].decode()

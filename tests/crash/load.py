"""What CircleCI posts: broken workflows, some of them twice, and cancellations that come as a storm."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID

import httpx

from service.testing.fake_circleci.payloads import Payload, as_bytes, cancellation_storm, workflow_completed
from tests.app_fixture import RED, signature
from tests.operator_client import ADMIN_TOKEN

SENDERS = 8
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
MOST = 100  # changes: what is still to be sent when the last process is back must not take for ever


@dataclass(kw_only=True)
class Load:
    """Posts until it is told to stop; who gets no answer does not try again, so that only a 202 is a promise.

    acknowledged   deliveries that were answered with 202, and which change each was about
    most           changes to post about
    """

    door: Callable[[], str]
    chances: Random
    most: int = MOST
    acknowledged: dict[UUID, str] = field(default_factory=dict)
    posted: int = 0
    replays: int = 0
    stopping: bool = False
    number: int = 0

    async def run(self) -> None:
        """Post from several sides at once."""
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            await asyncio.gather(*(self._send(http) for _ in range(SENDERS)))

    async def replay_some(self) -> None:
        """Have some of what was acknowledged judged again, as an operator would: it must tell of nothing twice."""
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            while not self.stopping:
                await asyncio.sleep(self.chances.uniform(0, 0.5))
                if self.acknowledged and (address := self.door()):
                    await self._replay(http, address, self.chances.choice(sorted(self.acknowledged)))

    async def _replay(self, http: httpx.AsyncClient, address: str, delivery: UUID) -> None:
        try:
            answer = await http.post(f"{address}/api/v1/deliveries/{delivery}/replay", headers=BEARER)
        except httpx.TransportError:
            return
        self.replays += answer.status_code == 202

    async def _send(self, http: httpx.AsyncClient) -> None:
        while not self.stopping and self.number < self.most:
            await asyncio.sleep(self.chances.uniform(0, 0.1))
            if address := self.door():
                for payload in self._next():
                    await self.post(http, address, payload)

    def _next(self) -> list[Payload]:
        self.number += 1
        run = replace(RED, number=self.number, subject=f"Change {self.number}")
        match self.chances.randrange(8):
            case 0:
                return list(cancellation_storm(replace(run, status="canceled")))
            case 1:
                return [workflow_completed(run)] * 2
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
        if answer.status_code == 202:
            change = re.search(rb"Change \d+", body)
            assert change is not None
            self.acknowledged[UUID(answer.json()["delivery"])] = change[0].decode()

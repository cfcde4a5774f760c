"""An operator at the real API meanwhile: replays, resends, dismisses; and what was answered with 2xx, on record."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import httpx

from tests.crash.channel import Told
from tests.support.operator_client import Operator as Token


@dataclass(kw_only=True)
class Act:
    """What an operator asked for; ``is_done`` once that was answered with 2xx.

    at       when it was asked for, by ``time.monotonic``
    change   that the delivery or message is about; empty for a riddle
    told     by a message
    """

    verb: str
    subject: UUID
    at: float
    change: str = ""
    told: Told | None = None
    is_done: bool = False


@dataclass(kw_only=True)
class Operator:
    """Acts through whichever process listens; a refusal, or no answer, is no promise."""

    door: Callable[[], str]
    chances: Random
    acts: list[Act] = field(default_factory=list)

    async def replay(self, deliveries: Mapping[UUID, str]) -> None:
        """Have one of these judged again, given the change of each: it must tell of nothing twice."""
        if deliveries:
            one = self.chances.choice(sorted(deliveries))
            await self._act("replay", f"deliveries/{one}", change=deliveries[one])

    async def resend(self) -> None:
        """Send again what was sent: once more is owed from now on."""
        listed = await self._get("notifications?state=sent&limit=50")
        if listed and listed["items"]:
            one = self.chances.choice(listed["items"])
            await self._act("resend", f"notifications/{one['id']}", told=_told(one))

    async def dismiss(self) -> None:
        """Put a dead letter away, a message or a delivery."""
        dead = await self._get("dead-letters")
        of_both = [(part, one) for part in ("deliveries", "notifications") for one in (dead or {}).get(part, [])]
        if of_both:
            part, one = self.chances.choice(of_both)
            await self._act("dismiss", f"{part}/{one['id']}", told=_told(one) if part == "notifications" else None)

    async def resend_dead(self) -> None:
        """Send every message that is a dead letter again, until none is left."""
        while dead := ((await self._get("dead-letters")) or {}).get("notifications"):
            for one in dead:
                await self._act("resend", f"notifications/{one['id']}", told=_told(one))
            await asyncio.sleep(0.5)

    async def often(self, act: Callable[[], Any], seconds: float) -> None:
        """Act again and again for so many seconds."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            await act()
            await asyncio.sleep(self.chances.uniform(0, 0.4))

    async def _act(self, verb: str, subject: str, *, change: str = "", told: Told | None = None) -> None:
        change, subject_id = told[1] if told else change, UUID(subject.rpartition("/")[2])
        act = Act(verb=verb, subject=subject_id, at=time.monotonic(), change=change, told=told)
        self.acts.append(act)
        act.is_done = await self._ask("POST", f"{subject}/{verb}") is not None

    async def _get(self, address: str) -> Any:
        return await self._ask("GET", address)

    async def _ask(self, method: str, address: str) -> Any:
        """Ask once; None without an answer of 2xx."""
        if not (door := self.door()):
            return None
        async with httpx.AsyncClient(timeout=20, trust_env=False, auth=Token()) as http:
            try:
                answer = await http.request(method, f"{door}/api/v1/{address}")
            except httpx.TransportError:
                return None
        return answer.json() if answer.is_success else None


def _told(notification: Any) -> Told:
    """Whom a notification tells, and of which change."""
    change = re.search(r"Change \d+", json.dumps(notification))
    assert change is not None
    return f"/{notification['receiver']}", change[0]

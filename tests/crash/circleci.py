"""A CircleCI that hangs, refuses, is slow, and comes back: real HTTP, asked for every run that was posted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from service.testing.fake_circleci.faults import Fault, broken, html_page, too_many
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import TOKEN

CALLS = 12  # that one mood may last for


@dataclass(kw_only=True)
class MoodyCircleCI:
    """A fake CircleCI, and the answers that it holds back."""

    fake: FakeCircleCI
    address: str
    held: list[asyncio.Event] = field(default_factory=list)

    def sulk(self, chances: Random) -> None:
        """Have one mood for the next calls."""
        moods: list[Callable[[], Fault]] = [
            lambda: broken(500),
            lambda: html_page(502),
            lambda: broken(503),
            lambda: too_many(chances.choice(["1", None])),
            lambda: self._late(chances.uniform(0.1, 0.9)),
            lambda: self._late(chances.uniform(2, 6)),
        ]
        mood = chances.choice(moods)
        for _ in range(chances.randint(1, CALLS)):
            self.fake.faults.next("*", mood())

    def _late(self, seconds: float) -> Fault:
        """The true answer, later: too late where that is longer than anyone waits."""
        gate = asyncio.Event()
        self.held.append(gate)
        asyncio.get_running_loop().call_later(seconds, gate.set)
        return Fault(gate=gate)

    def calm(self) -> None:
        """Answer everything at once from now on."""
        while self.fake.faults.take("/"):
            pass
        for gate in self.held:
            gate.set()


@asynccontextmanager
async def a_circleci() -> AsyncIterator[MoodyCircleCI]:
    """A CircleCI on loopback, as long as the block runs."""
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    async with serving(fake.app, listen("127.0.0.1", 0)) as address:
        circleci = MoodyCircleCI(fake=fake, address=address)
        try:
            yield circleci
        finally:
            circleci.calm()

"""The real service in a process that dies by SIGKILL: ``python -m tests.crashing WHEN``, configured by the environment.

``never``      serves until it is ended
``commits=N``  dies when the N-th transaction has been committed
``sent``       dies when a channel has taken a message, before that is on record
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from service.app import Service, build, now_utc
from service.app.server import listen, serving
from service.config import load
from service.model import Channel, Message
from service.pipeline import Pipeline
from service.pipeline.parts import Notifier
from service.store import held, migrate


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Countdown:
    """Called for each commit, it lets so many happen."""

    left: int

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            die()


class DiesHavingSent:
    """A notifier that tells one channel, and nobody what came of it."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self.close = notifier.close

    async def send(self, channel: Channel, message: Message) -> str:
        receipt = await self._notifier.send(channel, message)
        die()
        return receipt


def mortal(service: Service, when: str) -> Service:
    """The service, with an end ahead of it."""
    word, _, count = when.partition("=")
    if word == "commits":
        service.parts.store.after_commit(Countdown(int(count)))
    if word == "sent":
        parts = replace(service.parts, notifier=DiesHavingSent(service.parts.notifier))
        return replace(service, parts=parts, pipeline=Pipeline(parts))
    return service


async def serve(when: str) -> None:
    service = mortal(build(load(os.environ)), when)
    async with service.running(), serving(service.asgi, listen("127.0.0.1", 0)) as address:
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    database_url = os.environ["ROUNDSMAN_DATABASE_URL"]
    with held(Path(os.environ["ROUNDSMAN_CONFIG"]).parent, what="tests.crashing", since=now_utc()):
        migrate(database_url)
        asyncio.run(serve(sys.argv[1]))

"""The crash list: real processes, killed with SIGKILL at the worst moments, and what the next one makes of it.

Nothing acknowledged is lost, nothing decided goes unsent; only a send that was in flight may be repeated.
"""

import asyncio
import os
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.demo.organisation import Run
from service.demo.payloads import as_bytes, workflow_completed
from tests.ends import Answer, HttpEnd, Silence, http_end
from tests.house import RED, SECRET, environ, signature

FOUND_WITHIN_S = 20  # only a test that has gone wrong waits for this long
TELL = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/web]
routes:
  - match: {{status: failed}}
    receiver: web
"""


@dataclass(kw_only=True)
class Victim:
    """A data folder, and one process after the other that works on it."""

    folder: Path
    environ: dict[str, str]
    end: HttpEnd
    acknowledged: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def process(self, when: str) -> AsyncIterator[tuple[Process, str]]:
        """A running service and its address; killed when the block ends, if not before. It may not even start."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crashing", when, env=self.environ, stdout=PIPE, stderr=PIPE
        )
        assert process.stdout is not None
        try:
            yield process, (await process.stdout.readline()).decode().strip()
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def post(self, address: str, run: Run) -> None:
        """Post what CircleCI would; whether it was acknowledged is noted."""
        body = as_bytes(workflow_completed(run))
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{address}/hooks/circleci", content=body, headers={"circleci-signature": signature(body)}
            )
        assert answer.status_code == 202
        self.acknowledged.append(answer.json()["delivery"])

    async def until(self, claim: Callable[[], bool]) -> None:
        """Look again and again until something is so: it happens in another process."""
        async with asyncio.timeout(FOUND_WITHIN_S):
            while not claim():
                await asyncio.to_thread(time.sleep, 0.02)

    async def recover(self) -> None:
        """Have a process that does not die work off what the others left."""
        async with self.process("never"):
            await self.until(self.is_settled)

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "roundsman.db")) as connection:
            return connection.execute(query).fetchall()

    def is_settled(self) -> bool:
        """Everything kept is judged, and everything decided is sent."""
        waiting = (
            "SELECT id FROM deliveries WHERE state = 'kept' UNION SELECT id FROM notifications WHERE state <> 'sent'"
        )
        return self.rows(waiting) == []

    def lost(self) -> set[str]:
        """The acknowledged deliveries that led to no sent notification."""
        told = {row[0] for row in self.rows("SELECT event_id FROM notifications WHERE state = 'sent'")}
        return {delivery for delivery in self.acknowledged if delivery.replace("-", "") not in told}

    def outcomes(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT outcome FROM attempts ORDER BY notification_id, number")]


@pytest.fixture
def victim(folder: Path) -> Iterator[Victim]:
    with http_end() as end:
        ours = environ(folder, TELL.format(port=end.port))
        del ours["ROUNDSMAN_CIRCLECI_TOKEN"]  # asking is a courtesy, and not what this is about
        assert ours["ROUNDSMAN_WEBHOOK_SECRETS"] == SECRET
        yield Victim(folder=folder, environ={**os.environ, **ours}, end=end)


async def test_who_dies_again_and_again_a_commit_later_each_time_still_tells(victim: Victim) -> None:
    async with victim.process("commits=1") as (process, address):
        with pytest.raises(httpx.TransportError):
            await victim.post(address, RED)
        await process.wait()
    assert victim.rows("SELECT state FROM deliveries") == [("kept",)]

    for commits in (1, 2, 3):
        async with victim.process(f"commits={commits}") as (process, _):
            await process.wait()
    await victim.recover()

    assert victim.rows("SELECT state FROM notifications") == [("sent",)]
    assert victim.outcomes()[-1] == "sent"
    assert set(victim.outcomes()[:-1]) <= {"interrupted"}
    assert 1 <= len(victim.end.got) <= len(victim.outcomes())


async def test_a_send_in_flight_is_repeated_and_the_interruption_is_on_record(victim: Victim) -> None:
    victim.end.behave(Silence(), Answer())
    async with victim.process("never") as (process, address):
        await victim.post(address, RED)
        await asyncio.to_thread(victim.end.arrived.wait, FOUND_WITHIN_S)
        process.kill()

    await victim.recover()

    assert victim.lost() == set()
    assert victim.outcomes() == ["interrupted", "sent"]
    assert len(victim.end.got) == 2


async def test_a_message_that_arrived_but_is_not_on_record_is_the_only_one_repeated(victim: Victim) -> None:
    async with victim.process("sent") as (process, address):
        await victim.post(address, RED)
        await process.wait()

    await victim.recover()

    assert victim.lost() == set()
    assert victim.outcomes() == ["interrupted", "sent"]
    assert len(victim.end.got) == 2


async def test_a_burst_of_posts_loses_none_that_was_acknowledged(victim: Victim) -> None:
    runs = [replace(RED, number=number) for number in range(40)]
    async with victim.process("never") as (process, address):
        posting = [asyncio.create_task(victim.post(address, run)) for run in runs]
        await victim.until(lambda: len(victim.acknowledged) >= 15)
        process.kill()
        await asyncio.gather(*posting, return_exceptions=True)

    await victim.recover()

    told = [got.json["title"] + got.json["message"] for got in victim.end.got]
    assert len(victim.acknowledged) >= 15
    assert victim.lost() == set()
    assert len(told) - len(set(told)) <= victim.outcomes().count("interrupted")

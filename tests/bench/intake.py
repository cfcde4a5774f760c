"""How many posts a second are taken and kept, by one process on one core, beside the same app that keeps nothing."""

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from statistics import median

from tests.app_fixture import SECRET
from tests.bench.cores import stay_on
from tests.bench.load import Outcome
from tests.bench.rows import Row, distribution
from tests.bench.world import Place, a_place, post, running, until_it_listens
from tests.fake_servers import free_port
from tests.postgres import Server

WARM_UP = 300
NOWHERE = "http://127.0.0.1:9"
HOOKS = [
    {
        "id": "circleci",
        "execute-command": "/bin/true",
        "trigger-rule": {
            "match": {
                "type": "payload-hmac-sha256",
                "secret": SECRET,
                "parameter": {"source": "header", "name": "X-Signature"},
            }
        },
    }
]
WAYS = {  # how the door keeps what it is given, and how many posts of those that were asked for that is measured by
    "nothing": ("verifies and answers, stores nothing", 1.0),
    "together": ("kept, those that come together in one commit", 1.0),
    "together --work": ("the same, the worker in the same process", 0.5),
    "alone": ("kept, one commit for each", 0.1),
}


@dataclass(kw_only=True)
class Figures:
    """What came out for one way of keeping, round by round."""

    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome, *, beside: float) -> None:
        """Note a round, and what the app that stores nothing did just before it."""
        rate = len(outcome.latencies) / outcome.seconds
        self.rates.append(rate)
        self.ratios.append(rate / (beside or rate))
        self.latencies += outcome.latencies

    def __str__(self) -> str:
        """``0.63 of it (0.60 to 0.66), 2,900/s; p50 ...``."""
        spread = f"{median(self.ratios):.2f} of it ({min(self.ratios):.2f} to {max(self.ratios):.2f})"
        return f"{spread}, {median(self.rates):,.0f}/s; {distribution(self.latencies)}"


async def measure(server: Server, posts: int, rounds: int) -> list[Row]:
    """Each way after the other, several times round, so that a busy minute of the machine spoils no single one."""
    series = count(1)
    found: dict[tuple[str, str], Figures] = {}
    for _ in range(rounds):
        nothing = await _round("nothing", None, posts, series)
        found.setdefault(("nothing", "SQLite"), Figures()).add(nothing, beside=0)
        for way in list(WAYS)[1:]:
            for where in (None, server):
                outcome = await _round(way, where, int(posts * WAYS[way][1]), series)
                key = (way, "Postgres" if where else "SQLite")
                found.setdefault(key, Figures()).add(outcome, beside=nothing.per_second)
        if shutil.which("webhook"):
            rival = await _rival(posts // 10, series)
            found.setdefault(("webhook", ""), Figures()).add(rival, beside=nothing.per_second)
    rows = [_row(way, where, figures) for (way, where), figures in sorted(found.items(), key=_order)]
    return rows if shutil.which("webhook") else [*rows, _absent()]


def _order(item: tuple[tuple[str, str], Figures]) -> tuple[int, str]:
    (way, where), _ = item
    return ([*WAYS, "webhook"].index(way), where)


async def _round(way: str, server: Server | None, posts: int, series: Iterator[int]) -> Outcome:
    with a_place(server, upstream=NOWHERE) as place:
        async with running(place, *way.split()) as door:  # it keeps to its core by itself
            await post(door.port, WARM_UP, series=next(series))
            return await post(door.port, posts, series=next(series))


async def _rival(posts: int, series: Iterator[int]) -> Outcome:
    """Debian's ``webhook``: it verifies the signature, stores nothing and starts a command for each post."""
    with a_place(None, upstream=NOWHERE, is_migrated=False) as place:
        port = free_port()
        child = await _start_rival(place, port)
        try:
            await until_it_listens(port)
            return await post(port, posts, series=next(series), at="webhook")
        finally:
            child.kill()
            await child.wait()


async def _start_rival(place: Place, port: int) -> asyncio.subprocess.Process:
    hooks = place.folder / "hooks.json"
    hooks.write_text(json.dumps(HOOKS), encoding="utf-8")
    words = ["webhook", "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port)]
    stay = partial(stay_on, "ours")
    return await asyncio.create_subprocess_exec(*words, stdout=DEVNULL, stderr=DEVNULL, preexec_fn=stay)


def _row(way: str, where: str, figures: Figures) -> Row:
    if way == "nothing":
        rate = f"{median(figures.rates):,.0f}/s; {distribution(figures.latencies)}"
        return Row(what=f"intake, 32 connections: {WAYS[way][0]}", where="no database", figure=rate)
    if way == "webhook":
        what = "intake: Debian's `webhook`, verifies, stores nothing, starts `/bin/true`"
        return Row(what=what, where="no database", figure=str(figures))
    reach = "0.6 of it, p99 under 50 ms" if way == "together" else ""
    return Row(what=f"intake: {WAYS[way][0]}", where=where, figure=str(figures), reach=reach)


def _absent() -> Row:
    return Row(what="intake: Debian's `webhook`", where="no database", figure="not installed here: not measured")

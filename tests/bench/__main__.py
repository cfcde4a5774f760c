"""``python -m tests.bench [--scale small|full] [--only NAME ...]``: measure, and print one table."""

import argparse
import asyncio
import logging
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg

from service.logs import configure_logs
from tests import postgres
from tests.bench import drain, history, intake, moments, sizes
from tests.bench.cores import ALL, stay_on
from tests.bench.rows import Row, as_table
from tests.bench.world import a_place

Measuring = Callable[[], Awaitable[list[Row]]]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything: the small one takes some minutes, the full one an hour or more."""

    posts: int
    rounds: int
    drained: int
    messages: int
    past: int
    remembered: int
    shared: int
    kept: int


SCALES = {
    "small": Scale(
        posts=4_000, rounds=3, drained=1_000, messages=50, past=20_000, remembered=2_000, shared=600, kept=800
    ),
    "full": Scale(
        posts=12_000,
        rounds=3,
        drained=3_000,
        messages=200,
        past=1_000_000,
        remembered=100_000,
        shared=2_000,
        kept=4_000,
    ),
}


def measurements(server: postgres.Server, scale: Scale) -> dict[str, Measuring]:
    """Everything that can be measured, by name."""
    return {
        "intake": lambda: intake.measure(server, scale.posts, scale.rounds),
        "drain": lambda: drain.measure(server, scale.drained),
        "latency": lambda: moments.measure_latency(server, scale.messages),
        "start": moments.measure_start,
        "memory": lambda: moments.measure_memory(scale.remembered),
        "scale": lambda: drain.measure_scale(server, scale.shared),
        "sizes": lambda: sizes.measure(server, scale.kept),
        "history": lambda: _history(server, scale.past),
    }


async def _history(server: postgres.Server, events: int) -> list[Row]:
    rows: list[Row] = []
    for where in (None, server):
        with a_place(where, upstream="http://127.0.0.1:9", is_migrated=False) as place:
            rows += await history.measure(place.database_url, events)
    return rows


def machine(server: postgres.Server) -> str:
    """What it was measured on, and with."""
    [model, *_] = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ] or [platform.machine()]
    with psycopg.connect(server.url()) as connection:
        on = connection.info.parameter_status("server_version")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "sqlalchemy", "procrastinate"))
    one, minutes, _ = os.getloadavg()
    return (
        f"{model}, {len(ALL)} cores, Linux {platform.release()}, Python {platform.python_version()}, Postgres {on}, "
        f"{libraries}. Load when it began: {one:.1f} (5 minutes: {minutes:.1f}).\n"
        f"Command: python -m tests.bench {' '.join(sys.argv[1:])}"
    )


async def measure(names: list[str], scale: Scale) -> None:
    """Measure these, one after the other, and say each figure as soon as it is there."""
    with postgres.running(faster=()) as server:  # here a commit waits for the disk
        told = machine(server)
        rows: list[Row] = []
        for name in names:
            rows += await measurements(server, scale)[name]()
            print(f"measured: {name}", file=sys.stderr)  # noqa: T201 - it takes long, and somebody watches
        print(f"{told}\n\n{as_table(rows)}")  # noqa: T201 - this is what the program is for


def main() -> None:
    names = ["intake", "drain", "latency", "start", "memory", "scale", "sizes", "history"]
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--scale", choices=list(SCALES), default="small")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    asked = parser.parse_args()
    configure_logs(logging.WARNING)  # a line for each request would be most of what is measured on a slow terminal
    stay_on("theirs")  # Postgres and whoever posts inherit it
    asyncio.run(measure(asked.only, SCALES[asked.scale]))


if __name__ == "__main__":
    main()

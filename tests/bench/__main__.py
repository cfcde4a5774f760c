"""Measure, and print one table: ``python -m tests.bench [--scale SIZE] [--only NAME ...] [--profile] [--markdown]``."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace

from service.logs import configure_logs
from tests.bench import backtest, drain, elsewhere, history, intake, moments, overviews, sizes, told
from tests.bench.cores import keep_on
from tests.bench.profiler import profiling
from tests.bench.report import Profile, Report, machine, write_pages
from tests.bench.rows import Row
from tests.bench.scales import SCALES
from tests.bench.world import Bench
from tests.support import postgres

Measurement = Callable[[Bench], Awaitable[list[Row]]]
MEASUREMENTS: Mapping[str, Measurement] = {
    "intake": intake.measure,
    "drain": drain.measure,
    "told": told.measure,
    "latency": moments.measure_latency,
    "history": history.measure,
    "sizes": sizes.measure,
    "backtest": backtest.measure,
    "memory": moments.measure_memory,
    "start": moments.measure_start,
    "overviews": overviews.measure,
    "workers": drain.measure_workers,
    "others": elsewhere.others,
}
PROFILED = ("intake", "drain", "told", "latency", "history", "overviews")  # where the time is that of our functions

FAILURES = (TimeoutError, AssertionError)


async def measure(
    bench: Bench, names: Sequence[str], command: Sequence[str], measurements: Mapping[str, Measurement] = MEASUREMENTS
) -> Report:
    """Measure these, one after the other."""
    measured_on = machine(bench.server.url(), command)
    rows: list[Row] = []
    for name in names:
        began = time.perf_counter()
        rows += await _rows(bench, measurements[name], name)
        _say(f"{name}: {time.perf_counter() - began:.0f} s")
    return Report(machine=measured_on, rows=rows)


async def profile(
    bench: Bench, names: Sequence[str], command: Sequence[str], measurements: Mapping[str, Measurement] = MEASUREMENTS
) -> Profile:
    """Run these once more with samples taken, at a small scale, for the limits of each on each database.

    The samples slow what they look at, so that no figure is kept.
    """
    measured_on = machine(bench.server.url(), command)
    limits: dict[str, list[str]] = {}
    for name in PROFILED if list(names) == list(MEASUREMENTS) else names:
        for database in bench.scale.databases:
            try:
                limits[f"{name}, {database}"] = await limits_of(bench, measurements[name], database)
            except FAILURES as error:
                limits[f"{name}, {database}"] = [_failure(error)]
            _say(f"{name}, {database}: profiled")
    return Profile(machine=measured_on, limits=limits)


async def _rows(bench: Bench, measurement: Measurement, name: str) -> list[Row]:
    """Return the rows of a measurement; one that fails is a row that says so, and does not lose the others."""
    try:
        return await measurement(bench)
    except FAILURES as error:
        return [Row(what=name, where="", measured=_failure(error), is_reached=False)]


def _failure(error: Exception) -> str:
    return f"failed: {str(error) or type(error).__name__}"


async def limits_of(bench: Bench, measurement: Measurement, database: str) -> list[str]:
    """Return the functions and statements that a measurement spends its time in, with their shares."""
    scale = replace(min(bench.scale, SCALES["small"], key=lambda one: one.drained), databases=(database,))
    with profiling(bench.server.url()) as profiler:
        await measurement(replace(bench, scale=scale, profiler=profiler))
        return profiler.report()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - it takes long, and somebody watches


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--scale", choices=list(SCALES), default="small")
    parser.add_argument("--only", nargs="+", choices=list(MEASUREMENTS), default=list(MEASUREMENTS), metavar="NAME")
    parser.add_argument("--profile", action="store_true", help="name the limits, and measure nothing")
    parser.add_argument("--markdown", action="store_true", help="write docs/benchmarks.md and docs/scaling.md too")
    asked = parser.parse_args()
    configure_logs(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as after Ctrl-C, no process of ours stays
    keep_on("theirs")  # Postgres and the load inherit it
    with postgres.running(faster=()) as server:  # here a commit waits for the disk
        bench = Bench(server=server, scale=SCALES[asked.scale])
        work: Coroutine[None, None, Report | Profile] = (profile if asked.profile else measure)(
            bench, asked.only, sys.argv[1:]
        )
        report = asyncio.run(work)
    if asked.markdown:
        is_history = asked.only == ["history"] and isinstance(report, Report)
        write_pages({"history": report.text()} if is_history else report.parts())  # the table stays
    print(report.text())  # noqa: T201 - this is what the program is for


if __name__ == "__main__":
    main()

"""Posts at the hook, 32 at once: what is kept of the rate of two apps that store nothing.

All apps take turns, round by round, and the ratio is of the medians: the machine is noisy.
"""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench.bodies import write_requests
from tests.bench.load import Outcome
from tests.bench.processes import Running, post, running, wrk
from tests.bench.rows import Row, milliseconds
from tests.bench.upstream import Upstream
from tests.bench.world import Bench, Place

MAX_PER_SECOND = 8_000  # more are repeats, which only the apps that store nothing answer
WARM_UP = 100
P99_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Form:
    """An app at the hook: the processes that run, the first of which is posted to, and its aims.

    same, barest   the aims, as shares of the same app and of the barest
    """

    what: str
    database: str
    processes: tuple[tuple[str, ...], ...]
    same: float | None = None
    barest: float | None = None


BAREST = Form(what="the barest app", database="", processes=(("barest",),))
SAME = Form(what="the same app, which stores nothing", database="", processes=(("door", "nothing"),))
HELD = "kept, the worker held at its floor"
FREELY = "kept, the worker drains freely"
FORMS = (
    Form(what=HELD, database="SQLite", processes=(("serve",),), same=0.75, barest=0.5),
    Form(what=FREELY, database="SQLite", processes=(("door", "freely"),), barest=0.35),
    Form(what=HELD, database="Postgres", processes=(("serve",),), same=0.75, barest=0.5),
    Form(what=FREELY, database="Postgres", processes=(("web",), ("worker",)), barest=0.35),
)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round of load: its outcome, seconds of processor for a post, and events judged meanwhile in a second."""

    outcome: Outcome
    cpu: float
    judged: float


async def measure(bench: Bench) -> list[Row]:
    """Measure each form in turn, round by round."""
    forms = [BAREST, SAME, *(form for form in FORMS if form.database in bench.scale.databases)]
    rounds: dict[Form, list[Round]] = defaultdict(list)
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        requests = Path(folder) / "requests"
        write_requests(requests, 0, round(MAX_PER_SECOND * max(1, bench.scale.seconds)))
        for _ in range(bench.scale.rounds):
            for form in forms:
                rounds[form].append(await _round(bench, form, requests))
    rates = {form: [one.outcome.per_second for one in taken] for form, taken in rounds.items()}
    return [_row(form, rates, taken) for form, taken in rounds.items()]


async def _round(bench: Bench, form: Form, requests: Path) -> Round:
    upstream = Upstream()
    async with upstream.open() as address:
        with bench.migrated(form.database or "SQLite", upstream=address) as place:
            async with AsyncExitStack() as stack:
                processes = [await stack.enter_async_context(running(place, *words)) for words in form.processes]
                await post(place, processes[0].port, series=1, count=WARM_UP)
                return await _load(place, processes, requests, bench.scale.seconds)


async def _load(place: Place, processes: Sequence[Running], requests: Path, seconds: float) -> Round:
    port, events, cpu = processes[0].port, place.count_events(), sum(one.cpu_seconds() for one in processes)
    if shutil.which("wrk"):
        outcome = await wrk(port, requests, seconds)
    else:
        outcome = await post(place, port, requests=requests, seconds=seconds)
    return Round(
        outcome=outcome,
        cpu=(sum(one.cpu_seconds() for one in processes) - cpu) / max(1, outcome.answers),
        judged=(place.count_events() - events) / outcome.seconds,
    )


def _row(form: Form, rates: Mapping[Form, list[float]], rounds: list[Round]) -> Row:
    rate, p99 = median(rates[form]), median(one.outcome.p99 for one in rounds)
    same, barest = (rate / (median(rates[base]) or 1) for base in (SAME, BAREST))
    parts = {
        BAREST: [],
        SAME: [f"{barest:.2f} of the barest"],
    }.get(form, [f"{same:.2f} of the same app", f"{barest:.2f} of the barest"])
    figures = [
        f"{rate:,.0f}/s ({min(rates[form]):,.0f} to {max(rates[form]):,.0f})",
        f"p99 {milliseconds(p99)}",
        f"{median(one.cpu for one in rounds) * 1e6:.0f} µs of processor a post",
    ]
    judged = [f"{median(one.judged for one in rounds):,.0f} events/s judged meanwhile"] if form.database else []
    aims = [(same, form.same, "of the same app"), (barest, form.barest, "of the barest")]
    set_aims = [(got, aim, of) for got, aim, of in aims if aim is not None]
    return Row(
        what=f"intake: {form.what}",
        where=form.database,
        measured="; ".join([*parts, *figures, *judged]),
        reach=", ".join([*(f"{aim} {of}" for _, aim, of in set_aims), "p99 under 50 ms"]) if set_aims else "",
        is_reached=p99 < P99_S and all(got >= aim for got, aim, _ in set_aims) if set_aims else None,
        rate=rate,
    )

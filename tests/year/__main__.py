"""The invented year at full size, in both databases: ``python -m tests.year``. Exit code 1 below a reach."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.support import postgres
from tests.support.databases import a_copy, a_template
from tests.year.judged_year import Judged, Size, judge_year

MAX_EXAMPLES = 5


def main() -> int:
    """Judge the year, print its figures; 0 if all are reached."""
    size, console = _size(), Console(width=120)
    found = _judge_in_both(size)
    table = Table("what", *found, "reach")
    for what, reach, of_each in _lines(found):
        table.add_row(what, *of_each, reach)
    console.print(table)
    bad = [line for name, one in found.items() for line in _not_reached(name, one)]
    first, second = (one.digests for one in found.values())
    bad += [f"the rows of {name} differ" for name in first if first[name] != second[name]]
    console.print("\n".join(bad) if bad else "all reached; the same rows on both databases", soft_wrap=True)
    return 1 if bad else 0


def _judge_in_both(size: Size) -> Mapping[str, Judged]:
    with ExitStack() as stack:
        folder, server = stack.enter_context(tempfile.TemporaryDirectory()), stack.enter_context(postgres.running())
        postgres_url = stack.enter_context(a_copy(server, a_template(server)))
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'roundsman.db'}", "Postgres": postgres_url}
        pool = stack.enter_context(ProcessPoolExecutor(len(urls), mp_context=get_context("spawn")))
        begun = {name: pool.submit(judge_year, name, url, size) for name, url in urls.items()}
        return {name: future.result() for name, future in begun.items()}


def _size() -> Size:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("seed", 1), ("projects", 40), ("runs", 150_000), ("tests", 2_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return Size(**vars(parser.parse_args()))


def _lines(found: Mapping[str, Judged]) -> list[tuple[str, str, list[str]]]:
    each = [(one, one.figures) for one in found.values()]
    return [
        ("transitions", "100 %", [f"{1 - len(one.wrong_runs) / one.runs:.3%} of {one.runs:,} runs" for one, _ in each]),
        ("flakes, precision", "95 %", [f"{of.precision:.2%} of {of.listed:,} listed" for _, of in each]),
        ("flakes, recall", "90 %", [f"{of.recall:.2%} of {of.shown:,} shown" for _, of in each]),
        ("breaks that were silenced", "0", [f"{len(of.silenced)} of {of.breaks:,}" for _, of in each]),
        ("culprits", "99 %", [f"{of.culprits:.2%} of {of.ranges:,} ranges" for _, of in each]),
        ("falsely confirmed", "0", [f"{len(of.falsely)} of {of.confirmed:,}" for _, of in each]),
        ("processor time", "", [f"{one.seconds:.0f} s" for one, _ in each]),
    ]


def _not_reached(name: str, one: Judged) -> list[str]:
    """Return a line with examples for each figure that is not reached."""
    figures = one.figures
    examples: dict[str, tuple[bool, list[Any]]] = {
        "transitions": (bool(one.wrong_runs), one.wrong_runs),
        "precision": (figures.precision < 0.95, figures.wrongly),
        "recall": (figures.recall < 0.90, figures.unlisted),
        "silenced": (bool(figures.silenced), figures.silenced),
        "culprits": (figures.culprits < 0.99, figures.missed),
        "confirmed": (bool(figures.falsely), figures.falsely),
    }
    return [f"{name}, {what}: {some[:MAX_EXAMPLES]}" for what, (is_bad, some) in examples.items() if is_bad]


if __name__ == "__main__":
    sys.exit(main())

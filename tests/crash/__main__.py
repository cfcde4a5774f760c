"""Many rounds, one table: ``python -m tests.crash --rounds 50 --seed 7``. Exit code 1 when anything was lost."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from tests import postgres
from tests.crash.fleet import Database, new_postgres, new_sqlite
from tests.crash.rounds import Count, a_round

COLUMNS = {
    "acknowledged": "acknowledged",
    "kept": "of these kept",
    "owed": "messages owed",
    "told": "of these told",
    "repeated": "repeated",
    "in_flight": "sends in flight at a kill",
    "unexcused": "repeated without that",
    "stuck": "left undone",
}

FAULTS = {
    "kills": "killed",
    "terms": "asked to end",
    "freezes": "stopped for a while",
    "crashes": "crashes of the database",
    "replays": "replays meanwhile",
}


def main() -> int:
    """Play the rounds, print the table; whether anything was lost."""
    options = _options()
    console = Console(width=120)
    console.print(f"seed {options.seed}: make crash ROUNDS={options.rounds} SEED={options.seed} plays the same dice")
    total = {"SQLite": Count(), "Postgres": Count()}
    bad = []
    with postgres.running() as server:
        for number, (name, new) in enumerate(_rounds(options.rounds, server), start=1):
            count = asyncio.run(_play(new, f"{options.seed}/{number}"))
            total[name] += count
            bad += [] if count.is_good else [f"round {number} ({name})"]
            sys.stderr.write(f"round {number} of {2 * options.rounds}: {name}, {count}\n")
    console.print(_table(total))
    console.print(f"not as promised: {', '.join(bad)}" if bad else "nothing lost; nobody told twice but in flight")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="on each of the two databases")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed throws the same dice")
    return parser.parse_args()


def _rounds(rounds: int, server: postgres.Server) -> Iterator[tuple[str, Callable[[Path], Database]]]:
    for _ in range(rounds):
        yield "SQLite", new_sqlite
        yield "Postgres", lambda _: new_postgres(server)


async def _play(new: Callable[[Path], Database], seed: str) -> Count:
    with tempfile.TemporaryDirectory(prefix="roundsman-crash-") as folder:
        database = await asyncio.to_thread(new, Path(folder))
        return await a_round(database, Path(folder), Random(seed), load_s=2.0)


def _table(total: dict[str, Count]) -> Table:
    table = Table(title="Faults at random moments")
    table.add_column("")
    for name in total:
        table.add_column(name, justify="right")
    for field, words in {**FAULTS, **COLUMNS}.items():
        table.add_row(words, *(str(getattr(count, field)) for count in total.values()))
    return table


if __name__ == "__main__":
    sys.exit(main())

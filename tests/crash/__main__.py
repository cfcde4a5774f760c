"""Many rounds, one table: ``python -m tests.crash --rounds 50 --seed 7``. Exit code 1 when anything was lost."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from tests.crash.count import Count
from tests.crash.databases import Postgres, SQLite
from tests.crash.rounds import Plan, deal, play
from tests.crash.troubles import TROUBLES
from tests.support import postgres

INTERRUPTED = 130  # as a shell has it
HANDS = 4  # each round has a quarter of all troubles
LONG_FREEZE = ("freeze", "hold", "kill")
COLUMNS = {
    "rounds": "rounds",
    "acknowledged": "acknowledged",
    "kept": "of these kept",
    "owed": "messages owed",
    "told": "of these told",
    "acts": "acts of operators",
    "acts_kept": "of these on record",
    "repeated": "repeated",
    "in_flight": "sends in flight at a trouble",
    "resent": "sent again by operators",
    "unexcused": "repeated without either",
    "unrecorded": "taken without a record",
    "phantoms": "on record, not taken",
    "stuck": "left undone",
}


def main() -> int:
    """Play the rounds, print the table; whether anything was lost.

    Ctrl-C ends them early: the table is of those that ended.
    """
    options = _options()
    console = Console(width=120)
    for name, trouble in TROUBLES.items():
        if lack := trouble.lack():
            console.print(f"left out: {name}, since {lack}")
    total, bad, is_cut = {"SQLite": Count(), "Postgres": Count()}, [], False
    with postgres.running() as server:
        for plan in _plans(options, server):
            began = time.monotonic()
            try:
                counted, folder = _play(plan)
            except KeyboardInterrupt:
                console.print("ended early")
                is_cut = True
                break
            total[plan.kind.__name__] += counted
            bad += [] if counted.is_good else [_again(plan)]
            verdict = "good" if counted.is_good else f"NOT AS PROMISED: {counted}, see {folder}"
            console.print(f"{_again(plan)}: {time.monotonic() - began:.0f} s, {verdict}", soft_wrap=True)
    console.print(_table(total))
    console.print("not as promised: " + "; ".join(bad) if bad else "nothing lost; nothing told twice but in flight")
    return 1 if bad else INTERRUPTED if is_cut else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="on each of the two databases")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed throws the same dice")
    parser.add_argument("--troubles", nargs="+", choices=TROUBLES, help="of each round; default: some at random")
    parser.add_argument("--database", choices=["SQLite", "Postgres"], help="only this one")
    parser.add_argument(
        "--pace",
        choices=["hasty", "default"],
        help="the time limits; default: hasty, and at the end "
        "one long round with those of the product on each database",
    )
    return parser.parse_args()


def _plans(options: argparse.Namespace, server: postgres.Server) -> Iterator[Plan]:
    servers = {"SQLite": None, "Postgres": server}
    servers = {name: one for name, one in servers.items() if options.database in (None, name)}
    for number in range(1, options.rounds + 1):
        for one in servers.values():
            seed = options.seed if options.rounds == 1 else f"{options.seed}/{number}"
            dice = Random(seed)
            names = options.troubles or dice.choice(deal(dice, Postgres if one else SQLite, hands=HANDS))
            yield Plan(seed=seed, names=names, server=one, pace=options.pace or "hasty")
    if options.rounds > 1 and options.pace is None:
        for one in servers.values():
            yield Plan(seed=options.seed, names=LONG_FREEZE, server=one, pace="default", lasts_s=20)


def _again(plan: Plan) -> str:
    """What to say to play a round again."""
    pace = "" if plan.pace == "hasty" else f" --pace {plan.pace}"
    names = " ".join(plan.names)
    return f"--rounds 1 --seed {plan.seed} --database {plan.kind.__name__} --troubles {names}{pace}"


def _play(plan: Plan) -> tuple[Count, Path]:
    """Play a round in a folder of its own, which stays if it went wrong: the logs of the processes are there."""
    folder = Path(tempfile.mkdtemp(prefix="roundsman-crash-"))
    counted = asyncio.run(play(plan, folder))
    if counted.is_good:
        shutil.rmtree(folder)
    return counted, folder


def _table(total: dict[str, Count]) -> Table:
    table = Table(title="Troubles at random moments")
    table.add_column("")
    for name in total:
        table.add_column(name, justify="right")
    for name in TROUBLES:
        table.add_row(name, *(str(count.troubles[name]) for count in total.values()))
    for field, words in COLUMNS.items():
        table.add_row(words, *(str(getattr(count, field)) for count in total.values()))
    return table


if __name__ == "__main__":
    sys.exit(main())

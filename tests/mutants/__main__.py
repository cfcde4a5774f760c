"""Change the core in small ways, one at a time, and count the changes that its tests notice.

Each change is made in a temporary copy of the tree, where the tests run that reach the changed line: those of the short
form, and where asked for, if these do not notice it, those of the long one. A run that does not end counts as noticed,
and its change is printed, as such a run may have hung for another reason.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.changes import Change, diff, draw, lines_of
from tests.mutants.reach import Reach, reach_of
from tests.mutants.server import Server

ROOT = Path(__file__).parents[2]
COPIED = ("service", "tests", "migrations", "docs", "helm", "pyproject.toml", "README.md", "roundsman.example.yaml")
NO_TESTS = 5

CORE = {  # the modules, and the folders of the tests that tell how they work
    "service/routing": ("routing",),
    "service/message": ("message", "channels"),
    "service/pipeline": ("pipeline", "operations"),
    "service/store": ("store", "pipeline", "operations", "web", "health", "cli"),
    "service/queue": ("queue", "pipeline"),
    "service/circleci/webhook": ("circleci",),
    "service/channels/failures.py": ("channels",),
    "service/operations/hooks/hooks.py": ("operations",),
    "service/operations/hooks/hook_steps.py": ("operations",),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A change of one module."""

    name: str
    source: bytes
    change: Change


class Outcome(StrEnum):
    """The end of a mutant."""

    SHORT = "short form"
    LONG = "long form"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


COLUMNS = ("mutants", *Outcome)


@dataclass(kw_only=True)
class Score:
    """The mutants of one module, by their ends."""

    counts: Counter[Outcome] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def found(self) -> int:
        return self.total - self.counts[Outcome.SURVIVED]

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        """Count a mutant; print it if no test failed."""
        self.counts[outcome] += 1
        if outcome in {Outcome.TIMED_OUT, Outcome.SURVIVED}:
            say(f"\n{outcome}: {mutant.change.kind}\n{diff(mutant.name, mutant.source, mutant.change)}\n")

    def row(self, name: str) -> str:
        """Return a line of the table."""
        return row(name, [self.total, *(self.counts[one] for one in Outcome)])


def row(name: str, cells: Iterable[object]) -> str:
    """Return a line of the table, or its head."""
    return f"{name:60}" + "".join(f"{cell!s:>11}" for cell in cells)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of the tests: the options of pytest that ask for it, and what its tests reach."""

    outcome: Outcome
    options: Sequence[str]
    reach: Reach


@dataclass(kw_only=True)
class Trial:
    """The trees in which mutants are tried, and the forms of the tests, the quickest first."""

    forms: Sequence[Form]
    trees: SimpleQueue[tuple[Path, Server]] = field(default_factory=SimpleQueue)

    def outcome(self, mutant: Mutant) -> Outcome:
        """Run the tests that reach a change, until a form of them notices it."""
        tree, server = self.trees.get()
        try:
            ends = (_end_in(form, tree, server, mutant) for form in self.forms)
            return next((end for end in ends if end is not Outcome.SURVIVED), Outcome.SURVIVED)
        finally:
            self.trees.put((tree, server))


def _end_in(form: Form, tree: Path, server: Server, mutant: Mutant) -> Outcome:
    module = tree / mutant.name
    tests = form.reach.tests(mutant.name, lines_of(mutant.source, mutant.change))
    if not tests:
        return Outcome.SURVIVED
    module.write_bytes(mutant.change.apply(mutant.source))
    try:
        status = server.run([*form.options, *tests], timeout_s=form.reach.timeout_s(tests))
    finally:
        module.write_bytes(mutant.source)
    if status == NO_TESTS:
        raise SystemExit(f"none of these is a test: {' '.join(tests)}")
    if status is None:
        return Outcome.TIMED_OUT
    return form.outcome if status else Outcome.SURVIVED  # found also if the mutant cannot even be imported


def modules(only: str | None) -> dict[str, tuple[str, ...]]:
    """Return each module of the core with the folders of its tests; ``only`` those in whose path this pattern is."""
    found: dict[str, tuple[str, ...]] = {}
    for place, folders in CORE.items():
        path = ROOT / place
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        names = [file.relative_to(ROOT).as_posix() for file in files]
        found |= {name: folders for name in names if re.search(only or "", name)}
    return found


def mutants(names: Iterable[str], *, each: int, seed: int) -> Iterator[Mutant]:
    """Draw the mutants of each module."""
    for name in names:
        source = (ROOT / name).read_bytes()
        for change in draw(source, each, f"{seed} {name}"):
            yield Mutant(name=name, source=source, change=change)


def measure(trial: Trial, drawn: list[Mutant], pool: Executor) -> Iterator[Score]:
    """Try mutants; print each that no test failed for, and the score of each module."""
    tried = zip(drawn, pool.map(trial.outcome, drawn), strict=True)
    for name, of_module in groupby(tried, key=lambda one: one[0].name):
        score = Score()
        for mutant, outcome in of_module:
            score.add(mutant, outcome)
        say(score.row(name))
        yield score


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def copy_tree(folder: Path) -> None:
    """Copy what the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws the same mutants again")
    parser.add_argument("--each", type=int, default=2, metavar="N", help="mutants for each module")
    parser.add_argument("--only", metavar="PATTERN", help="only modules in whose path this is")
    parser.add_argument("--tests", metavar="FOLDER,...", help="judge all by the tests of these folders alone")
    parser.add_argument("--long", action="store_true", help="try what survives by the long form of the tests too")
    parser.add_argument("-k", metavar="EXPRESSION", help="only tests with such names, as pytest reads it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants tried at a time")
    parser.add_argument("--reach", type=Path, metavar="FOLDER", help="keep there what tests reach, and begin with it")
    return parser.parse_args()


def forms(tree: Path, kept: Path, chosen: argparse.Namespace, folders: Iterable[str]) -> Iterator[Form]:
    """Run the tests of unchanged modules in each form that is asked for."""
    tests = sorted(f"tests/{folder}" for folder in folders)
    named = ["-k", chosen.k] if chosen.k else []
    asked = [
        (Outcome.SHORT, kept, named),
        *([(Outcome.LONG, kept / "long", [*named, "--long"])] if chosen.long else []),
    ]
    for outcome, place, options in asked:
        reach = reach_of(tree, place, [*options, *tests], chosen.jobs)
        yield Form(outcome=outcome, options=options, reach=reach)


def main() -> None:
    """Print each survivor, a table and the score."""
    chosen = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = modules(chosen.only)
    its_own = {folder for folders in found.values() for folder in folders}
    drawn = list(mutants(found, each=chosen.each, seed=chosen.seed))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        first = folder / "0"
        first.mkdir()
        copy_tree(first)
        asked = chosen.tests.split(",") if chosen.tests else its_own
        trial = Trial(forms=list(forms(first, chosen.reach or folder / "reach", chosen, asked)))
        pool = ThreadPoolExecutor(chosen.jobs)
        stack.callback(pool.shutdown, cancel_futures=True)  # after the servers have ended, for which its threads wait
        for number in range(chosen.jobs):
            tree = folder / str(number)
            if tree != first:
                shutil.copytree(first, tree)
            trial.trees.put((tree, stack.enter_context(Server(tree))))
        say(row("module", COLUMNS))
        counts = sum((score.counts for score in measure(trial, drawn, pool)), Counter[Outcome]())
    say(f"\n{conclusion(Score(counts=counts), chosen.seed)}")


def conclusion(score: Score, seed: int) -> str:
    """Return the score of all modules in words."""
    share = f"{100 * score.found / score.total:.1f} %" if score.total else "nothing"
    parts = ", ".join(f"{score.counts[one]} {one}" for one in Outcome if score.counts[one])
    return f"found {score.found} of {score.total}: {share} (seed {seed}: {parts})"


if __name__ == "__main__":
    main()

"""Change the core in small ways, one at a time, and count the changes that its tests notice.

Each change is made in a temporary copy of the tree, where the tests run that reach the changed line; a run that does
not end counts as noticed.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
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


@dataclass(kw_only=True)
class Score:
    """The mutants of one module."""

    killed: int = 0
    timed_out: int = 0
    survived: int = 0

    @property
    def total(self) -> int:
        return self.killed + self.timed_out + self.survived

    def add(self, mutant: Mutant, *, killed: bool | None) -> None:
        """Count a mutant; print it if it survived."""
        self.timed_out += killed is None
        self.killed += killed is True
        self.survived += killed is False
        if killed is False:
            say(f"\nsurvived: {mutant.change.kind}\n{diff(mutant.name, mutant.source, mutant.change)}\n")

    def row(self, name: str) -> str:
        """Return a line of the table."""
        return f"{name:60}{self.total:>8}{self.killed:>8}{self.timed_out:>11}{self.survived:>10}"


@dataclass(kw_only=True)
class Trial:
    """The trees in which mutants are tried, and what their tests reach."""

    reach: Reach
    trees: SimpleQueue[tuple[Path, Server]] = field(default_factory=SimpleQueue)

    def is_killed(self, mutant: Mutant) -> bool | None:
        """Run the tests that reach a change; return whether one fails, None when they do not end in time."""
        tree, server = self.trees.get()
        try:
            return self._is_killed_in(tree, server, mutant)
        finally:
            self.trees.put((tree, server))

    def _is_killed_in(self, tree: Path, server: Server, mutant: Mutant) -> bool | None:
        module = tree / mutant.name
        tests = self.reach.tests(mutant.name, lines_of(mutant.source, mutant.change))
        if not tests:
            return False
        module.write_bytes(mutant.change.apply(mutant.source))
        try:
            status = server.run(tests, timeout_s=self.reach.timeout_s(tests))
        finally:
            module.write_bytes(mutant.source)
        if status == NO_TESTS:
            raise SystemExit(f"none of these is a test: {' '.join(tests)}")
        return None if status is None else status != 0  # also of a mutant that cannot even be imported


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
    """Try mutants; print each survivor, and the score of each module."""
    tried = zip(drawn, pool.map(trial.is_killed, drawn), strict=True)
    for name, of_module in groupby(tried, key=lambda one: one[0].name):
        score = Score()
        for mutant, killed in of_module:
            score.add(mutant, killed=killed)
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


def main() -> None:
    """Print each survivor, a table and the score."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws the same mutants again")
    parser.add_argument("--each", type=int, default=2, metavar="N", help="mutants for each module")
    parser.add_argument("--only", metavar="PATTERN", help="only modules in whose path this is")
    parser.add_argument("--tests", metavar="FOLDER,...", help="judge all by the tests of these folders alone")
    parser.add_argument("--long", action="store_true", help="also by the long form of the tests, which takes hours")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants tried at a time")
    parser.add_argument("--reach", type=Path, metavar="FOLDER", help="keep there what tests reach, and begin with it")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = modules(chosen.only)
    its_own = {folder for folders in found.values() for folder in folders}
    tests = sorted(f"tests/{folder}" for folder in (chosen.tests.split(",") if chosen.tests else its_own))
    drawn = list(mutants(found, each=chosen.each, seed=chosen.seed))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        first, options = folder / "0", ["--long"] if chosen.long else []
        first.mkdir()
        copy_tree(first)
        trial = Trial(reach=reach_of(first, chosen.reach or folder, [*options, *tests], chosen.jobs))
        pool = ThreadPoolExecutor(chosen.jobs)
        stack.callback(pool.shutdown, cancel_futures=True)  # after the servers have ended, for which its threads wait
        for number in range(chosen.jobs):
            tree = folder / str(number)
            if tree != first:
                shutil.copytree(first, tree)
            trial.trees.put((tree, stack.enter_context(Server(tree, options))))
        say(f"{'module':60}{'mutants':>8}{'killed':>8}{'timed out':>11}{'survived':>10}")
        scores = list(measure(trial, drawn, pool))
    total, survived = sum(score.total for score in scores), sum(score.survived for score in scores)
    share = f"{100 * (total - survived) / total:.1f} %" if total else "nothing"
    say(f"\nfound {total - survived} of {total}: {share} (seed {chosen.seed})")


if __name__ == "__main__":
    main()

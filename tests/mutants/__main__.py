"""Change the core in small ways, one at a time, and count the changes that its tests notice.

Each change is made in a temporary copy of the tree, where the tests run that reach the changed line; a run that does
not end counts as noticed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.changes import Change, diff, draw, lines_of
from tests.mutants.reach import Reach, read_reach

ROOT = Path(__file__).parents[2]
COPIED = ("service", "tests", "migrations", "docs", "helm", "pyproject.toml", "README.md", "roundsman.example.yaml")
TIMEOUT_S = 240.0
REACH_TIMEOUT_S = 3600.0  # of all tests of a folder, with coverage, on a machine that does other work too
OUTPUT = "output"
RUN = ("-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")
COVERED = ("--cov=service", "--cov-context=test", "--cov-report=", "--cov-fail-under=0")

CORE = {  # the modules, and the tests that mirror them
    "service/routing": ("tests/routing",),
    "service/message": ("tests/message", "tests/channels"),
    "service/pipeline": ("tests/pipeline",),
    "service/store": ("tests/store",),
    "service/queue": ("tests/queue",),
    "service/circleci/webhook": ("tests/circleci",),
    "service/channels/failures.py": ("tests/channels",),
    "service/operations/hooks/hooks.py": ("tests/operations",),
    "service/operations/hooks/hook_steps.py": ("tests/operations",),
}


@dataclass(kw_only=True)
class Score:
    """The mutants of one module."""

    killed: int = 0
    timed_out: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.killed + self.timed_out + len(self.survivors)

    def row(self, name: str) -> str:
        """Return a line of the table."""
        return f"{name:44}{self.total:>8}{self.killed:>8}{self.timed_out:>11}{len(self.survivors):>10}"


def modules(only: str | None) -> dict[str, tuple[str, ...]]:
    """Return each module of the core with the folders of its tests; ``only`` those whose path contains this."""
    found: dict[str, tuple[str, ...]] = {}
    for place, folders in CORE.items():
        path = ROOT / place
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        names = [file.relative_to(ROOT).as_posix() for file in files]
        found |= {name: folders for name in names if (only or "") in name}
    return found


def is_killed(tree: Path, *arguments: str, timeout_s: float = TIMEOUT_S, **environ: str) -> bool | None:
    """Run tests; return whether one fails, None when they do not end in time."""
    environ = {**os.environ, "PYTHONPATH": str(tree), **environ}
    command = (sys.executable, *RUN, *arguments)
    with (
        (tree / OUTPUT).open("wb") as out,
        subprocess.Popen(command, cwd=tree, env=environ, stdout=out, stderr=out, start_new_session=True) as running,
    ):
        try:
            status = running.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGTERM)
                time.sleep(2)  # for the databases that the tests have started
                os.killpg(running.pid, signal.SIGKILL)
    if status not in {0, 1, 2}:  # 2: the mutant cannot even be imported
        raise SystemExit(f"pytest ended with {status}")
    return status != 0


def reach_of(tree: Path, folders: tuple[str, ...]) -> Reach:
    """Run the tests of unchanged modules, which must pass; return the lines that each reaches.

    The bytecode that this run leaves is used by all others: a changed module is newer than its own.
    """
    data = tree / "reach.data"
    covered = {"COVERAGE_FILE": str(data), "PYTHONDONTWRITEBYTECODE": ""}
    if is_killed(tree, *COVERED, *folders, timeout_s=REACH_TIMEOUT_S, **covered) is not False:
        said = (tree / OUTPUT).read_text(encoding="utf-8", errors="replace")[-3000:]
        raise SystemExit(f"{said}\n{' '.join(folders)} must pass before anything is changed")
    return read_reach(data, tree)


def measure(tree: Path, name: str, reach: Reach, *, each: int, seed: int) -> Score:
    """Make and try the mutants of one module."""
    source, score = (tree / name).read_bytes(), Score()
    for change in draw(source, each, f"{seed} {name}"):
        killed = try_change(tree, name, change, reach)
        if killed is None:
            score.timed_out += 1
        elif killed:
            score.killed += 1
        else:
            score.survivors.append(name)
            say(f"\nsurvived: {change.kind}\n{diff(name, source, change)}\n")
    say(score.row(name))
    return score


def try_change(tree: Path, name: str, change: Change, reach: Reach) -> bool | None:
    """Run the tests that reach a change; return whether one fails, None when they do not end in time."""
    source = (tree / name).read_bytes()
    tests = reach.tests(name, lines_of(source, change))
    if not tests:
        return False
    (tree / "selected").write_text("\n".join(tests), encoding="utf-8")
    (tree / name).write_bytes(change.apply(source))
    try:
        return is_killed(tree, "@selected", PYTHONDONTWRITEBYTECODE="1")
    finally:
        (tree / name).write_bytes(source)


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
    parser.add_argument("--each", type=int, default=5, metavar="N", help="mutants for each module")
    parser.add_argument("--only", metavar="MODULE", help="only modules whose path contains this")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say(f"{'module':44}{'mutants':>8}{'killed':>8}{'timed out':>11}{'survived':>10}")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        found = modules(chosen.only)
        reaches = {tests: reach_of(tree, tests) for tests in dict.fromkeys(found.values())}
        scores = [
            measure(tree, name, reaches[tests], each=chosen.each, seed=chosen.seed) for name, tests in found.items()
        ]
    survivors = [survivor for score in scores for survivor in score.survivors]
    total = sum(score.total for score in scores)
    share = f"{100 * (total - len(survivors)) / total:.1f} %" if total else "nothing"
    say(f"\nfound {total - len(survivors)} of {total}: {share} (seed {chosen.seed})")


if __name__ == "__main__":
    main()

"""The tests that reach each line of a module, and the time that each takes, from a run with coverage."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from coverage import CoverageData

ROOT = Path(__file__).parents[2]
START_S = 90.0
TIMES = 4.0
IMPORT = ""
"""The context of lines that run when a module is imported, and in no test."""
TIMEOUT_S = 3600.0
MAX_FAILED = 20
WORTH_S = 60.0
"""A change is tried by so many seconds' worth of tests: the nearest first, and of these the quickest."""
RUN = ("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")
XML = ("-o", "junit_family=xunit1")  # which names the file of a test
COVERED = ("--cov=service", "--cov-context=test", "--cov-report=", "--cov-fail-under=0")


@dataclass(frozen=True, kw_only=True)
class Reach:
    """For each module, and each line of it that was run, the tests that ran it.

    seconds   of each test that passed; another one tells nothing
    """

    lines: Mapping[str, Mapping[int, frozenset[str]]]
    seconds: Mapping[str, float]

    def tests(self, name: str, numbers: Iterable[int]) -> list[str]:
        """Return the tests that run one of these lines.

        For lines that the import of a module runs they are those that run any of its lines, or stand in a file that
        imports it: they may read a table of it and run none.
        """
        lines = self.lines.get(name, {})
        found = frozenset[str]().union(*(lines.get(number, ()) for number in numbers))
        if IMPORT in found:
            module = name.removesuffix(".py").replace("/", ".")
            importing = {test for test in self.seconds if module in _text_of(test.partition("::")[0])}
            found = frozenset[str]().union(importing, *lines.values())
        nearest = sorted(
            found & self.seconds.keys(), key=lambda test: (_distance(name, test), self.seconds[test], test)
        )
        return list(self._worth(nearest))

    def timeout_s(self, tests: Iterable[str]) -> float:
        """Return the seconds after which these tests hang, on a machine that does other work too."""
        return START_S + TIMES * sum(self.seconds[test] for test in tests)

    def _worth(self, tests: Iterable[str]) -> Iterable[str]:
        spent_s = 0.0
        for test in tests:
            yield test
            spent_s += self.seconds[test]
            if spent_s >= WORTH_S:
                return


def _distance(name: str, test: str) -> int:
    """Return the distance of a test from a module: none for the file of its name, then its folder, then its package."""
    file = Path(test.partition("::")[0])
    mirror = Path("tests", *Path(name).parts[1:])
    if file.stem == f"test_{mirror.stem}":
        return 0
    if file.parent == mirror.parent:
        return 1
    return 2 if file.parts[1] == mirror.parts[1] else 3


@cache
def _text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def reach_of(tree: Path, kept: Path, tests: Sequence[str], processes: int) -> Reach:
    """Run tests of unchanged modules; return the lines that each reaches.

    kept    the folder of the result; if it is there already, the tests are only read
    tests   their folders, and options of pytest

    The bytecode that either leaves is used by all runs: a changed module is newer than its own.
    """
    kept = kept.absolute()
    data, times = kept / "reach.data", kept / "times.xml"
    if times.exists():
        _run(tree, "--collect-only", *tests)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        spread = ("-n", str(processes)) if processes > 1 else ()
        _run(tree, *COVERED, *XML, *spread, f"--junitxml={times}", *tests, COVERAGE_FILE=str(data))
    seconds, failed = _seconds_of(times)
    if len(failed) > MAX_FAILED:
        raise SystemExit(f"{_said(tree)}\nthe tests must pass before anything is changed")
    for test in failed:
        sys.stdout.write(f"left out, since it fails without a change: {test}\n")
    return Reach(lines=_lines_of(data), seconds=seconds)


def _run(tree: Path, *arguments: str, **environ: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "", **environ}
    command = (sys.executable, *RUN, *arguments)
    with (
        (tree / "output").open("wb") as out,
        subprocess.Popen(command, cwd=tree, env=environ, stdout=out, stderr=out, start_new_session=True) as running,
    ):
        try:
            status = running.wait(TIMEOUT_S)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGTERM)
    if status not in {0, 1}:
        raise SystemExit(f"{_said(tree)}\npytest ended with {status}")


def _said(tree: Path) -> str:
    return (tree / "output").read_text(encoding="utf-8", errors="replace")[-3000:]


def _seconds_of(times: Path) -> tuple[dict[str, float], list[str]]:
    """Return the time of each test that passed, and those that failed."""
    seconds: defaultdict[str, float] = defaultdict(float)
    failed: set[str] = set()
    for case in ET.parse(times).iter("testcase"):  # noqa: S314 - our own file
        test = f"{case.get('file')}::{case.get('name', '').partition('[')[0]}"
        seconds[test] += float(case.get("time", 0))
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(test)
    return {test: spent_s for test, spent_s in seconds.items() if test not in failed}, sorted(failed)


def _lines_of(data: Path) -> Mapping[str, Mapping[int, frozenset[str]]]:
    """Return what a run with ``--cov-context=test`` has found."""
    read = CoverageData(basename=str(data))
    read.read()
    return {
        f"service/{file.rpartition('/service/')[2]}": {
            number: frozenset(map(_test_of, contexts)) for number, contexts in read.contexts_by_lineno(file).items()
        }
        for file in read.measured_files()
    }


def _test_of(context: str) -> str:
    """Return the function of a context such as ``tests/x/test_y.py::test_z[case]|run``."""
    return context.partition("|")[0].partition("[")[0]

"""The tests that reach each line of a module, from a run with coverage."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

IMPORT = ""
"""The context of lines that run when a module is imported, and in no test."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """For each module, and each line of it that was run, the tests that ran it."""

    lines: Mapping[str, Mapping[int, frozenset[str]]]

    def tests(self, name: str, numbers: Iterable[int]) -> list[str]:
        """Return the tests that run one of these lines; those of the whole module for lines that its import runs."""
        lines = self.lines.get(name, {})
        found = frozenset[str]().union(*(lines.get(number, ()) for number in numbers))
        if IMPORT in found:
            found = frozenset[str]().union(*lines.values())
        return sorted(found - {IMPORT})


def read_reach(data: Path, tree: Path) -> Reach:
    """Return what a run with ``--cov-context=test`` has found."""
    read = CoverageData(basename=str(data))
    read.read()
    lines = {
        Path(file).relative_to(tree).as_posix(): {
            number: frozenset(map(_test_of, contexts)) for number, contexts in read.contexts_by_lineno(file).items()
        }
        for file in read.measured_files()
    }
    return Reach(lines=lines)


def _test_of(context: str) -> str:
    """Return the function of a context such as ``tests/x/test_y.py::test_z[case]|run``."""
    return context.partition("|")[0].partition("[")[0]

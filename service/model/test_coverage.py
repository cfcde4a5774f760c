"""The share of red runs whose tests are known."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TestCoverage:
    """The number of red runs, and of those whose tests are known or known to be none."""

    known: int
    red_runs: int

    __test__ = False  # pytest would take the name for a test class

    @property
    def is_partial(self) -> bool:
        """True if the tests of a red run are not known."""
        return self.known < self.red_runs

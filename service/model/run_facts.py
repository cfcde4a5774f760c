"""Facts of a run that only some routes ask for, as they were at its judgment."""

from dataclasses import dataclass

from service.model.tracks import IncidentClass


@dataclass(frozen=True, kw_only=True)
class RunFailures:
    """The kind of a red run by its failures.

    The defaults are for one of which too little is known.

    flaky           each failed test, and each failed job without tests, is likely flaky
    known_problem   each of them matches an open known problem
    new_failure     one of them is new
    is_known        False: tests or jobs were not known in time
    """

    flaky: bool = False
    known_problem: bool = False
    new_failure: bool = True
    is_known: bool = False

    @property
    def is_excused(self) -> bool:
        """True if flakes or known problems explain all of it."""
        return self.flaky or self.known_problem


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Facts of a run that are worked out where a route asks for them.

    failures      of a red run; of a green one those of the last red that it ended. None: no route asked
    run_ms        the time that it ran, as a test of routes gives it
    times_usual   its run time as a multiple of the usual one of its workflow there
    klass         the class of its incident
    is_turned     it is red, and neither flaky nor a known problem as the red run before it was: it is told as broke
    """

    failures: RunFailures | None = None
    run_ms: int | None = None
    times_usual: float | None = None
    klass: IncidentClass | None = None
    is_turned: bool = False

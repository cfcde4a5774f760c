"""The kind of a red run by its failures: flaky, known problem or new. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed test, or a failed job without tests, as earlier runs show it."""

    is_flaky: bool = False
    is_known: bool = False
    is_new: bool = True


@dataclass(frozen=True, kw_only=True)
class RunFailures:
    """The kind of a red run. The defaults are for a run of which too little is known."""

    flaky: bool = False
    known_problem: bool = False
    new_failure: bool = True


UNKNOWN = RunFailures()


def judge_failures(failures: Iterable[Failure], *, is_complete: bool = True) -> RunFailures:
    """Return the kind of a run: flaky or known if each failure is, new if one is.

    is_complete   each failed test and job is among the failures; else the run may be more than they show
    """
    listed = list(failures)
    if not listed or not is_complete:
        return UNKNOWN
    return RunFailures(
        flaky=all(one.is_flaky for one in listed),
        known_problem=all(one.is_known for one in listed),
        new_failure=any(one.is_new for one in listed),
    )

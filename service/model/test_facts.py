"""The tests of a red run, and the people whose changes are in it."""

from dataclasses import dataclass
from datetime import datetime

from service.model.test_coverage import TestCoverage


@dataclass(frozen=True, kw_only=True)
class TestIdentity:
    """A test of a project: the same in each run.

    job     the job's name as posted, without a final " 2/4" or " (rerun)"
    suite   the class if there is one, else the file, else an empty text
    """

    job: str
    suite: str
    name: str

    __test__ = False  # pytest would take the name for a test class


@dataclass(frozen=True, kw_only=True)
class FailedTest:
    """A failed test of a red run, beside earlier runs of it.

    is_new          it passed at its last known run on this track
    failing_since   it failed there too: the end of the first of these runs; None: it is new, or nothing is known
    failing_runs    the number of these runs, with this one
    flaky           the evidence that it is likely flaky, as a sentence's end: "7 of its last 9 fails were contradicted
                    at the same commit"; None: there is none
    """

    test: TestIdentity
    message: str | None = None
    is_new: bool = False
    failing_since: datetime | None = None
    failing_runs: int = 0
    flaky: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A revision that may have broken a track, with the author of its runs.

    is_confirmed   reruns of it and of its predecessor agree that it broke the track
    """

    revision: str
    author_name: str | None = None
    author_email: str | None = None
    subject: str | None = None
    is_confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Culprits:
    """The revisions after the newest green run, up to the oldest red one.

    compare_url   the page of all changes between them; None where the host has no such page
    has_green     False: no green run is on record, and they are the first revisions that are
    """

    suspects: tuple[Suspect, ...] = ()
    compare_url: str | None = None
    has_green: bool = True


@dataclass(frozen=True, kw_only=True)
class RedElsewhere:
    """Another branch that is red of the same failure: "also red on main since 09:12"."""

    branch: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class ObservedTest:
    """A result of a test in one run. A job without tests is a test without a name.

    fingerprint   of a failure; equal ones have one cause
    """

    test: TestIdentity
    failed: bool
    class_name: str | None = None
    file: str | None = None
    fingerprint: str | None = None
    run_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class RedFacts:
    """Facts of a red run beyond its event and details.

    tests           its failed tests, as many as are kept
    remark          the fact that no test learns from: "412 of 415 tests failed", "timed out after 60 min"
    red_elsewhere   where the same failure is red too; None: nowhere, as far as is known
    usual_ms        the usual duration of the workflow on its branch; None: unknown
    green_since     the end of the first green run in a row before its track broke; None: unknown
    coverage        of the runs that speak of flaky tests; None: no test is likely flaky
    """

    tests: tuple[FailedTest, ...] = ()
    remark: str | None = None
    red_elsewhere: RedElsewhere | None = None
    culprits: Culprits = Culprits()
    usual_ms: int | None = None
    green_since: datetime | None = None
    coverage: TestCoverage | None = None

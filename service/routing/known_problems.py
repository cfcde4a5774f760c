"""The known problems that the failures of a run match. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from service.model import DetailKind, Details, JobReport, KnownProblem
from service.routing.fingerprint import fingerprint
from service.routing.patterns import to_nfc

FAILED_JOB_STATUSES = frozenset({"failed", "error", "timedout", "infrastructure_fail"})
MAX_TEXT = 10_000  # characters of a failure that are searched: the first and the last half of them


@dataclass(frozen=True, kw_only=True)
class KnownFailures:
    """The known problems of a run.

    problems   those that failures match, in the order of the list
    is_all     every failed test, and every failed job without tests, matches one
    """

    problems: tuple[KnownProblem, ...] = ()
    is_all: bool = False

    def is_muted(self, now: datetime) -> bool:
        """Return whether the run is not to be told: muted problems explain all of it.

        One that was closed and came back is told.
        """
        return self.is_all and all(problem.is_muted and problem.is_open(now) for problem in self.problems)


def find_known(details: Details | None, problems: Sequence[KnownProblem], now: datetime) -> KnownFailures:
    """Return the known problems that the failures of a run match.

    Open problems are looked at before closed ones. What is not known yet matches none.
    """
    if details is None or not problems:
        return KnownFailures()
    ordered = sorted(problems, key=lambda one: not one.is_open(now))
    matched = [find_problem(text, ordered) for text in failure_texts(details)]
    found = tuple(problem for problem in ordered if problem in matched)
    are_missing = any(missing.want in {DetailKind.JOBS, DetailKind.TESTS} for missing in details.missing)
    return KnownFailures(problems=found, is_all=bool(matched) and None not in matched and not are_missing)


def failure_texts(details: Details) -> Iterator[str]:
    """Yield the text of each failed test, and of each failed job without tests.

    A failed test that is counted, but not kept, has an empty text, which matches nothing.
    """
    for job in details.jobs or ():
        if job.status in FAILED_JOB_STATUSES:
            yield from _texts_of(job)


def _texts_of(job: JobReport) -> Iterator[str]:
    if job.tests is None or not job.tests.failed:
        yield "\n".join(job.messages)
        return
    for failure in job.tests.failures:
        yield failure.message or ""
    if job.tests.failed > len(job.tests.failures) or not job.tests.is_complete:
        yield ""


def find_problem(text: str, problems: Sequence[KnownProblem]) -> KnownProblem | None:
    """Return the first known problem that the text of a failure matches, if any."""
    if not text:
        return None
    found = fingerprint(text) if any(problem.fingerprint for problem in problems) else None
    return next((problem for problem in problems if _matches(problem, text, found)), None)


def _matches(problem: KnownProblem, text: str, found: str | None) -> bool:
    if problem.fingerprint is not None:
        return found is not None and found.startswith(problem.fingerprint)
    return problem.pattern is not None and is_found(problem.pattern, text)


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern is found anywhere in the text of a failure.

    The parts between its ``*`` are found one after the other, each as early as possible: in time that grows with the
    text alone, where a regular expression for all of it may take for ever.
    """
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 2]}\n{text[-MAX_TEXT // 2 :]}"
    text, place = to_nfc(text), 0
    for part in _parts(pattern):
        found = part.search(text, place)
        if found is None:
            return False
        place = found.end()
    return True


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[re.Pattern[str], ...]:
    literals = (re.escape(part).replace(r"\?", ".") for part in to_nfc(pattern).split("*") if part)
    return tuple(re.compile(literal, re.DOTALL) for literal in literals)

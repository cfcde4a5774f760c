"""The test results of a job.

CircleCI's cloud has them in API v3, by the job's id: one answer, a line for each. A CircleCI Server has them in API v2,
by the job's number: page by page.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import EndpointError, NothingThere
from service.circleci.reports import read_test_report, read_tests
from service.circleci.test_lines import TestLines
from service.errors import Permanent
from service.model import JobReport, TestFailure, TestPass, TestReport


@dataclass(frozen=True, kw_only=True)
class FoundTests:
    """The test results of a job.

    report   None: CircleCI has none, or none yet
    remark   on results that could not be read; None: all could
    """

    report: TestReport | None = None
    remark: str | None = None


class TestResults:
    """A reader of test results.

    has_v3   this CircleCI has API v3
    """

    __test__ = False

    def __init__(self, api: CircleCIAPI, *, has_v3: bool) -> None:
        self._api = api
        self._has_v3 = has_v3

    async def read(self, job: JobReport, address: Callable[[], tuple[str, int]]) -> FoundTests:
        """Return the test results of a job, from API v2 if v3 does not give them.

        address   makes the project's slug and the job's number; raises Permanent if they are not known

        Raises Temporary or Permanent.
        """
        if not self._has_v3 or job.id is None:
            return await self._read_v2(address)
        try:
            found = await self._read_v3(job.id)
        except (EndpointError, Permanent):  # another fault is of all of CircleCI
            if job.number is None:
                raise
            return await self._read_v2(address)
        if job.number is not None and found.report and _lacks_file(found.report):
            return await self._read_files(address, found)
        return found

    async def _read_v3(self, job_id: str) -> FoundTests:
        lines = TestLines(max_bytes=ENDPOINTS["test_lines"].max_bytes)
        try:
            await self._api.test_lines(job_id, lines.feed)
        except NothingThere:  # no results are stored, or not yet
            return FoundTests()
        report = lines.report()
        if report is None and lines.unreadable:  # most likely the page of a proxy
            raise Permanent(f"CircleCI's answer to {ENDPOINTS['test_lines']} holds no test results that we can read")
        return FoundTests(report=report, remark=lines.remark)

    async def _read_files(self, address: Callable[[], tuple[str, int]], found: FoundTests) -> FoundTests:
        """Return the results with the files that only API v2 names, if it has them."""
        try:
            again = await self._read_v2(address)
        except (EndpointError, Permanent):
            return found
        return again if again.report else found

    async def _read_v2(self, address: Callable[[], tuple[str, int]]) -> FoundTests:
        return FoundTests(report=await read_test_report(self._api.tests(*address(), read_tests)))


def _lacks_file(report: TestReport) -> bool:
    """Return whether a test has neither class nor file: then it has no identity."""
    tests: Iterable[TestFailure | TestPass] = chain(report.failures, report.passes)
    return any(not (test.class_name or test.file) for test in tests)

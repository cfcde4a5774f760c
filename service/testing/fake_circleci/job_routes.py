"""Routes of the fake CircleCI for single jobs, and the storage of their logs.

They are of API v3 and v1.1.
"""

import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from service.testing.fake_circleci import job_steps
from service.testing.fake_circleci.job_steps import RUN_STEP, has_failed, has_run
from service.testing.fake_circleci.organization import JobRun, Run, TestResult, stable_id
from service.testing.fake_circleci.webhooks import error_response

V3, V1, STORAGE = "/api/v3", "/api/v1.1", "/storage"
STORAGE_HOST = "https://storage.example.com"
BINARY = "application/octet-stream"

Found = tuple[Run, JobRun]


class FakeJobs:
    """The jobs of the fake CircleCI, by id and by number.

    tests_of      the test results that a job has by now
    storage_url   the address of the storage of logs: another host than CircleCI's
    """

    def __init__(self, tests_of: Callable[[Run, JobRun], tuple[TestResult, ...]]) -> None:
        self.storage_url = f"{STORAGE_HOST}{STORAGE}"
        self.by_id: dict[str, Found] = {}
        self.by_number: dict[tuple[str, int], Found] = {}
        self._tests_of = tests_of

    def add(self, run: Run) -> None:
        """Add the jobs of a run."""
        for job in run.jobs:
            self.by_id[run.job_id(job)] = (run, job)
            if job.number is not None:
                self.by_number[run.project.slug, job.number] = (run, job)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{V3}/jobs/{{id}}", self._v3_job),
            Route(f"{V3}/jobs/{{id}}/stdout", self._stdout),
            Route(f"{V3}/jobs/{{id}}/stdout/condensed", self._condensed),
            Route(f"{V3}/jobs/{{id}}/tests", self._test_lines),
            Route(f"{V1}/project/{{slug:path}}/{{number:int}}", self._v1_build),
            Route(f"{STORAGE}/{{id}}", self._stored_log),
        ]

    async def _v3_job(self, request: Request) -> Response:
        found = self.by_id.get(request.path_params["id"])
        return JSONResponse(job_steps.v3_job(*found)) if found else v3_error(404, "not_found", "Job not found")

    async def _test_lines(self, request: Request) -> Response:
        found = self.by_id.get(request.path_params["id"])
        if found is None or not found[1].tests:
            return v3_error(404, "not_found", "No test results")
        lines = job_steps.test_lines(self._tests_of(*found))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def _stdout(self, request: Request) -> Response:
        output = self._output_of(request)
        if isinstance(output, Response):
            return output
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(asked[1]) if asked else 0
        if start >= len(output):
            return v3_error(416 if asked else 404, "not_found", "No output")
        headers = {"X-Terminal": "true"}
        return Response(output[start:], 206 if asked else 200, headers, media_type=BINARY)

    async def _condensed(self, request: Request) -> Response:
        output = self._output_of(request)
        if isinstance(output, Response):
            return output
        _, job = self.by_id[request.path_params["id"]]
        if not (job.condensed and has_failed(job)):
            return v3_error(404, "not_found", "No condensed output")
        return Response(job.condensed.encode(), media_type=BINARY)

    def _output_of(self, request: Request) -> bytes | Response:
        """Return the output of a step, or the answer that there is none."""
        step = request.query_params.get("filter[step_num]")
        execution = request.query_params.get("filter[execution]", "0")
        if step is None or not step.isdecimal() or not execution.isdecimal():
            return v3_error(400, "validation_error", "filter[step_num] is required")
        found = self.by_id.get(request.path_params["id"])
        if found is None or not has_run(found[1]) or (execution, int(step)) != ("0", RUN_STEP):
            return v3_error(404, "not_found", "No output")
        return found[1].log.encode()

    async def _v1_build(self, request: Request) -> Response:
        slug: str = request.path_params["slug"]
        if not slug.startswith(("github/", "bitbucket/", "circleci/")):
            return error_response(404, "Project not found")
        found = self.by_number.get((slug.replace("github/", "gh/", 1), request.path_params["number"]))
        if found is None:
            return error_response(404, "Build not found")
        return JSONResponse(job_steps.v1_build(*found, storage_url=self.storage_url))

    async def _stored_log(self, request: Request) -> Response:
        found = self.by_id.get(request.path_params["id"])
        if {"authorization", "circle-token"} & set(request.headers):
            return _refusal(400, "InvalidArgument: Only one auth mechanism allowed")
        if found is None or request.query_params.get("X-Amz-Signature") != job_steps.signature_of(*found):
            return _refusal(403, "SignatureDoesNotMatch")
        return JSONResponse(job_steps.log_records(found[1]))


def v3_error(status: int, kind: str, title: str) -> Response:
    """Return an error in the form of API v3."""
    error = {"type": kind, "id": stable_id("error", status, title), "title": title, "detail": f"{title}."}
    return JSONResponse({"error": error}, status)


def _refusal(status: int, words: str) -> Response:
    return Response(f"<Error><Code>{words}</Code></Error>", status, media_type="application/xml")

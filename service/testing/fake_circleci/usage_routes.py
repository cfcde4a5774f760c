"""Routes of the fake CircleCI for usage exports, and the storage of their files.

The checks of a request are those of CircleCI's own clients and measurements. A file's address is good for one poll's
signature, and refuses a token.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.clock import now_utc
from service.testing.fake_circleci.organization import ORG_ID, JobRun, Run, stable_id
from service.testing.fake_circleci.webhooks import error_response

STORAGE_URL = "https://storage.example.com/storage/usage"
KEYS = {"start", "end", "shared_org_ids"}
MAX_WINDOW = timedelta(days=31)
OLDEST = timedelta(days=366)
MAX_PER_HOUR = 10
CREDITS_PER_MINUTE = 10


class FakeUsage:
    """The usage exports of the fake CircleCI.

    runs         returns the runs that an export tells of
    lines        the lines of its files instead, by column; None: those of the runs
    polls        the number of polls before an export is completed
    failure      the reason with which exports fail; None: they do not
    damage       changes the bytes of a file on its way
    storage_url  the address of the storage: another host than CircleCI's
    clock        the time by which requests are checked
    """

    def __init__(self, runs: Callable[[], Iterable[Run]], clock: Callable[[], datetime] = now_utc) -> None:
        self.lines: Sequence[Mapping[str, object]] | None = None
        self.polls = 1
        self.failure: str | None = None
        self.damage: Callable[[bytes], bytes] = bytes
        self.storage_url = STORAGE_URL
        self.created: list[dict[str, Any]] = []
        self._runs = runs
        self.clock = clock

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes."""
        place = f"{prefix}/organizations/{{id}}/usage_export_job"
        return [
            Route(place, self._create, methods=["POST"]),
            Route(f"{place}/{{job}}", self._show),
            Route("/storage/usage/{id}/{part:int}", self._file),
        ]

    async def _create(self, request: Request) -> Response:
        if request.path_params["id"] != ORG_ID:
            return error_response(404, "Organization not found")
        body = await request.json()
        refusal = _refusal(body, self.clock())
        if refusal:
            return error_response(400, refusal)
        if len(self.created) >= MAX_PER_HOUR:
            return error_response(429, "Rate limit exceeded.")
        export_id = stable_id("usage", len(self.created))
        self.created.append({"id": export_id, "start": body["start"], "end": body["end"], "polls": 0})
        answer = {"usage_export_job_id": export_id, "state": "created", "download_urls": None}
        return JSONResponse({**answer, "start": body["start"], "end": body["end"]}, 201)

    async def _show(self, request: Request) -> Response:
        export = next((one for one in self.created if one["id"] == request.path_params["job"]), None)
        if export is None or request.path_params["id"] != ORG_ID:
            return error_response(404, "Usage export job not found")
        export["polls"] += 1
        answer: dict[str, Any] = {"usage_export_job_id": export["id"], "state": "processing", "download_urls": None}
        if export["polls"] < self.polls:
            return JSONResponse(answer)
        if self.failure is not None:
            return JSONResponse(answer | {"state": "failed", "error_reason": self.failure})
        signed = f"?X-Amz-Expires=129599&X-Amz-Signature={_signature(export)}"
        parts = len(self._parts(export))
        urls = [f"{self.storage_url}/{export['id']}/{part}{signed}" for part in range(parts)]
        return JSONResponse(answer | {"state": "completed", "download_urls": urls or None})

    async def _file(self, request: Request) -> Response:
        export = next((one for one in self.created if one["id"] == request.path_params["id"]), None)
        if {"authorization", "circle-token"} & set(request.headers):
            return Response("<Error><Code>InvalidArgument</Code></Error>", 400, media_type="application/xml")
        if export is None or request.query_params.get("X-Amz-Signature") != _signature(export):
            return Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", 403, media_type="application/xml")
        body = self._parts(export)[request.path_params["part"]]
        return Response(self.damage(body), media_type="application/x-gzip")

    def _parts(self, export: Mapping[str, Any]) -> list[bytes]:
        """Return the files of an export, packed: two if there is more than one line."""
        lines = list(self.lines) if self.lines is not None else list(self._lines_of_runs(export))
        if not lines:
            return []
        half = (len(lines) + 1) // 2
        return [_packed(part) for part in (lines[:half], lines[half:]) if part]

    def _lines_of_runs(self, export: Mapping[str, Any]) -> Iterable[Mapping[str, object]]:
        start, end = (datetime.fromisoformat(export[key]) for key in ("start", "end"))
        for run in self._runs():
            if start <= run.pushed_at <= end:
                yield from (usage_line(run, job) for job in run.jobs if job.number is not None)


def usage_line(run: Run, job: JobRun) -> dict[str, object]:
    r"""Return the line of a job, as an export has it; ``\N`` is no value."""
    spent = job.lasts_s / 60 * CREDITS_PER_MINUTE
    started = run.at(job.starts_s).astimezone(UTC)
    return {
        "ORGANIZATION_ID": ORG_ID,
        "ORGANIZATION_NAME": "acme",
        "PROJECT_ID": run.project.id,
        "PROJECT_NAME": run.project.name,
        "VCS_NAME": "GitHub",
        "VCS_URL": run.project.repository_url,
        "VCS_BRANCH": run.branch or r"\N",
        "PIPELINE_ID": run.pipeline_id,
        "PIPELINE_CREATED_AT": f"{run.pushed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "PIPELINE_NUMBER": run.number,
        "WORKFLOW_ID": run.workflow_id,
        "WORKFLOW_NAME": run.workflow,
        "IS_WORKFLOW_SUCCESSFUL": str(run.status == "success").lower(),
        "JOB_NAME": job.name,
        "JOB_RUN_NUMBER": job.number,
        "JOB_ID": run.job_id(job),
        "JOB_RUN_STARTED_AT": f"{started:%Y-%m-%d %H:%M:%S}",
        "JOB_BUILD_STATUS": job.status,
        "RESOURCE_CLASS": "medium",
        "PARALLELISM": 1,
        "JOB_RUN_SECONDS": job.lasts_s,
        "COMPUTE_CREDITS": f"{spent:.2f}",
        "DLC_CREDITS": r"\N",
        "USER_CREDITS": "0",
        "TOTAL_CREDITS": f"{spent:.2f}",
    }


def _packed(lines: Sequence[Mapping[str, object]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return gzip.compress(out.getvalue().encode(), mtime=0)


def _signature(export: Mapping[str, Any]) -> str:
    return stable_id("signature", export["id"], export["polls"])


def _refusal(body: object, now: datetime) -> str | None:
    """Return the reason why CircleCI refuses to make an export."""
    if not isinstance(body, dict) or not {"start", "end"} <= body.keys():
        return "malformed request body"
    if body.keys() - KEYS:
        return "Unexpected field"
    try:
        start, end = (datetime.fromisoformat(str(body[key])).astimezone(UTC) for key in ("start", "end"))
    except ValueError:
        return "malformed request body"
    if end < start or end - start > MAX_WINDOW:
        return "The window must be at most 31 days, and end after its start"
    if start < now - OLDEST:
        return "The start must be at most 366 days ago"
    return "The end must not be in the future" if end > now else None

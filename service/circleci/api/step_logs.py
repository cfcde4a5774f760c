"""The failed step of a job, and the end of its log.

CircleCI's cloud has it in API v3, by the job's id. A CircleCI Server has it in API v1.1, whose answer names a storage
where the log lies: that one gets no token of ours.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.endpoint import MAX_LOG_BYTES
from service.circleci.api.request import EndpointError
from service.circleci.api.transfer import fetch_storage
from service.circleci.json_fields import read_maps, read_number, read_text
from service.circleci.links import web_url
from service.errors import Permanent
from service.message.step_log import short_log
from service.model import FailedStep, JobReport

FAILED_OUTCOMES = frozenset({"failed", "timedout", "infrastructure_fail"})
CUT_OFF = "(CircleCI keeps no more of this log)"
MAX_TAIL_BYTES = 100_000  # of a log whose size is known: more is not shown


class StepLogs:
    """A reader of failed steps.

    has_v3   this CircleCI has API v3
    storage  makes a client without a token, for the storage of logs
    """

    def __init__(self, api: CircleCIAPI, *, has_v3: bool, storage: Callable[[], httpx.AsyncClient]) -> None:
        self._api = api
        self._has_v3 = has_v3
        self._storage = storage

    async def read(self, slug: str, job: JobReport, *, has_log: bool = True) -> FailedStep | None:
        """Return the failed step of a job; None if it has none.

        has_log   its log is read too

        Raises Temporary or Permanent.
        """
        if self._has_v3 and job.id:
            try:
                return await self._read_v3(job.id, job.url, has_log=has_log)
            except (EndpointError, Permanent):  # another fault is of all of CircleCI
                if job.number is None:
                    raise
        if job.number is None:
            return None
        return await self._read_v1(slug, job.number, job.url, has_log=has_log)

    async def _read_v3(self, job_id: str, page: str | None, *, has_log: bool) -> FailedStep | None:
        answer = await self._api.job_steps(job_id)
        attributes = answer.data.get("attributes") if isinstance(answer.data, dict) else None
        executions = read_maps(attributes.get("parallel_executions") if isinstance(attributes, dict) else None)
        for execution, found in enumerate(executions):
            for step in read_maps(found.get("steps")):
                if step.get("outcome") in FAILED_OUTCOMES and (number := read_number(step.get("num"))) is not None:
                    start = max(0, (read_number(step.get("stdout_bytes")) or 0) - MAX_TAIL_BYTES)
                    lines = await self._lines_v3(job_id, execution, number, start=start) if has_log else ()
                    return _step(step, lines, page, execution=execution, number=number)
        return None

    async def _lines_v3(self, job_id: str, execution: int, number: int, *, start: int) -> tuple[str, ...]:
        condensed = partial(self._api.condensed_log, job_id, execution=execution, step=number)
        whole = partial(self._api.log, job_id, execution=execution, step=number, start=start)
        for read in (condensed, whole):
            try:
                text = await read()
            except Permanent:  # 404: there is no output
                continue
            begins_inside = read is whole and start > 0  # a line cut in two may hold half a secret, which is not masked
            if lines := short_log(text.partition("\n")[2] if begins_inside else text):
                return lines
        return ()

    async def _read_v1(self, slug: str, number: int, page: str | None, *, has_log: bool) -> FailedStep | None:
        answer = await self._api.build(_long(slug), number)
        for step in read_maps(answer.steps):
            for action in read_maps(step.get("actions")):
                if action.get("status") in FAILED_OUTCOMES or action.get("failed") is True:
                    lines = await self._lines_v1(action.get("output_url")) if has_log else ()
                    lines = (*lines, CUT_OFF) if lines and action.get("truncated") is True else lines
                    execution, place = read_number(action.get("index")) or 0, read_number(action.get("step"))
                    return _step({**step, **action}, lines, page, execution=execution, number=place)
        return None

    async def _lines_v1(self, url: object) -> tuple[str, ...]:
        address = web_url(url) if isinstance(url, str) else None
        if address is None or (self._has_v3 and urlsplit(address).scheme != "https"):
            return ()
        async with self._storage() as storage:
            body = await fetch_storage(storage, address, MAX_LOG_BYTES)
        try:
            records = read_maps(json.loads(body))
        except (ValueError, RecursionError):
            return short_log(body.decode(errors="replace"))
        return short_log("".join(str(record.get("message") or "") for record in records))


def _step(
    step: dict[str, Any], lines: tuple[str, ...], page: str | None, *, execution: int, number: int | None
) -> FailedStep:
    """Return the failed step; ``page`` is the job's."""
    place = f"/parallel-runs/{execution}/steps/{execution}-{number}" if number is not None else ""
    return FailedStep(
        name=read_text(step.get("name")) or "a step",
        exit_code=read_number(step.get("exit_code")),
        lines=lines,
        url=f"{page}{place}" if page else None,
    )


def _long(slug: str) -> str:
    for short, long in (("gh/", "github/"), ("bb/", "bitbucket/")):
        if slug.startswith(short):
            return long + slug.removeprefix(short)
    return slug

"""Ends of the runs that visitors of the demo start, approve or cancel."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from service.clock import now_utc
from service.testing.fake_circleci.organization import JobRun, Run
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.sender import Answer, Post
from service.testing.fake_circleci.server import FakeCircleCI

POLL_INTERVAL_S = 0.5
LASTS_S = 4.0  # long enough to be seen running, short enough to wait for


async def finish_runs(
    pretend: FakeCircleCI,
    send: Callable[[Post], Awaitable[Answer]],
    *,
    look: Callable[[Run], Awaitable[None]],
    lasts_s: float = LASTS_S,
) -> None:
    """Have CircleCI end and post what is begun from now on, until canceled.

    What runs turns green after ``lasts_s`` seconds; what is canceled is posted as such.

    look   has Roundsman see that an approval which a run waited for was given
    """
    posted = {run.workflow_id for run in pretend.runs if not run.is_unfinished}
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        for run in [one for one in pretend.runs if one.workflow_id not in posted and one.status != "on_hold"]:
            posted.add(run.workflow_id)
            await asyncio.sleep(lasts_s)
            ended = _ended(next(one for one in pretend.runs if one.workflow_id == run.workflow_id), now_utc())
            pretend.run_finished(ended)
            await send(Post.of(workflow_completed(ended)))
            await look(ended)


def _ended(run: Run, at: datetime) -> Run:
    """Return a run as it has ended now: green, unless it was canceled."""
    jobs = run.jobs or (JobRun(name="build", number=run.number * 10),)
    is_canceled = run.status == "canceled"
    ended = replace(run, jobs=jobs if is_canceled else tuple(map(_green, jobs)))
    late_s = (at - ended.stopped_at).total_seconds()
    return replace(ended, status="canceled" if is_canceled else "success", waited_s=ended.waited_s + int(late_s))


def _green(job: JobRun) -> JobRun:
    return replace(job, status="success", messages=(), tests=tuple(replace(one, result="success") for one in job.tests))

"""The events that routes may come to tell of: all of a track or none, and no route's verdict is lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from service.model import Event, EventKind, Job, Pipeline, Project, Route, Via, Workflow
from service.routing.reach import Reach
from tests.support.roundsman_yaml import TEAM, File

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUN = Event(
    id=UUID(int=1),
    kind=EventKind.WORKFLOW_COMPLETED,
    source_event_id="one",
    happened_at=AT,
    received_at=AT,
    via=Via.WEBHOOK,
    org="acme",
    project=Project(id="p", slug="github/acme/web", name="web"),
    pipeline=Pipeline(id="l", number=7),
    workflow=Workflow(id="w", name="build", status="success"),
    status="success",
    branch="main",
)
JOB = replace(RUN, kind=EventKind.JOB_COMPLETED, job=Job(id="j", name="unit", status="failed"), status="failed")


def routes(folder: Path, match: str, more: str = "") -> Sequence[Route]:
    return File(folder).load(f"{TEAM}routes:\n  - {{match: {match}, receiver: team{more}}}\n").routes


@pytest.mark.parametrize(
    ("match", "event", "is_held"),
    [
        ("{branch: main}", RUN, True),  # a green run may be the end of a red one
        ("{branch: main}", replace(RUN, branch="topic"), False),
        ("{branch: main}", JOB, False),
        ("{project: gh/acme/web, branch: 'm*'}", RUN, True),
        ("{project: gh/acme/shop}", RUN, False),
        ("{transition: broke}", RUN, True),  # the next run of its branch may tell what it was
        ("{branch: main, author: Linh}", RUN, True),  # of the track another run may have this author
        ("{status: failed}", RUN, False),
        ("{status: failed}", replace(RUN, status="failed"), True),
        ("{status: failed, streak: '>= 3'}", RUN, True),
        ("{event: job-completed, status: failed}", JOB, True),
        ("{event: job-completed, status: failed}", RUN, False),
        ("{branch: main, slower: '> 1.5x'}", replace(RUN, branch="topic"), True),  # its times are compared with main's
    ],
)
def test_event_that_a_route_may_tell_of_is_held(tmp_path: Path, match: str, event: Event, *, is_held: bool) -> None:
    reach = Reach(routes(tmp_path, match))

    assert reach.holds(event) is is_held
    assert reach.holds(replace(event, id=UUID(int=2))) is is_held  # asked again, of the same track


def test_route_with_hours_needs_the_green_runs_too(tmp_path: Path) -> None:
    hours = ", active: {days: [mon], hours: ['09:00-17:00'], timezone: UTC}"

    assert Reach(routes(tmp_path, "{status: failed}", hours)).holds(RUN)


def test_digest_that_is_left_out_when_empty_counts_every_run(tmp_path: Path) -> None:
    reach = Reach(routes(tmp_path, "{branch: nowhere}"), has_digests=True)

    assert reach.holds(RUN)
    assert not reach.holds(JOB)

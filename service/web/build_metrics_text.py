"""The part of /metrics that names projects, for those with a credential."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from service.build_metrics import BuildMetrics, Workflow
from service.db.database import Store
from service.errors import Temporary
from service.model import Color
from service.model.same_names import mark_of, tell_apart
from service.store.runs import default_tracks
from service.store.runs.tracks import StoredTrack

MAX_TRACKS = 2_000

log = structlog.get_logger()


async def build_metrics_text(builds: BuildMetrics, store: Store, clock: Callable[[], datetime]) -> bytes:
    """Return the metrics of builds; without the database, those of this process."""
    try:
        tracks, total = await store.read(default_tracks.oldest, MAX_TRACKS)
    except Temporary as error:
        log.warning("the metrics of builds lack what is red", reason=str(error))
        builds.clear_red()
    else:
        marks = tell_apart((one.track.project_name, one.track.project_slug) for one in tracks)
        builds.set_red(_red(tracks, marks, clock()), cut=total - len(tracks), marks=marks)
    return await asyncio.to_thread(builds.text)


def _red(tracks: Sequence[StoredTrack], marks: Mapping[str, str], now: datetime) -> Mapping[Workflow, datetime | None]:
    """Return since when workflows are red; of two with the same names, the first."""
    red: dict[Workflow, datetime | None] = {}
    for one in tracks:
        workflow = _workflow(one, marks)
        red[workflow] = min(filter(None, (red.get(workflow), _red_since(one, now))), default=None)
    return red


def _workflow(one: StoredTrack, marks: Mapping[str, str]) -> Workflow:
    track = one.track
    return Workflow(
        project=(track.project_name or track.project_slug or "") + mark_of(marks, track.project_slug),
        workflow=track.workflow or "",
        branch=track.branch or "",
    )


def _red_since(one: StoredTrack, now: datetime) -> datetime | None:
    is_red = one.state.color is Color.RED and not one.track.is_silent(one.state.last_at, now)
    return one.state.since if is_red else None

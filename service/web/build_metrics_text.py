"""The part of /metrics that names projects, for those with a credential."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from service.build_metrics import BuildMetrics, Workflow
from service.db.database import Store
from service.errors import Temporary
from service.model import Color
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
        red = {_workflow(one): _red_since(one, clock()) for one in tracks}
        builds.set_red(red, cut=total - len(tracks))
    return await asyncio.to_thread(builds.text)


def _workflow(one: StoredTrack) -> Workflow:
    track = one.track
    return Workflow(
        project=track.project_name or track.project_slug or "",
        workflow=track.workflow or "",
        branch=track.branch or "",
    )


def _red_since(one: StoredTrack, now: datetime) -> datetime | None:
    is_red = one.state.color is Color.RED and not one.track.is_silent(one.state.last_at, now)
    return one.state.since if is_red else None

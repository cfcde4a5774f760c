"""Builds by their ids, addresses or numbers, or by a search."""

import re
from datetime import datetime
from urllib.parse import unquote
from uuid import UUID

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import Color
from service.operations import queries, search_text
from service.store.runs import project_tracks, run_neighbors, runs

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PIPELINE = re.compile(r"/pipelines/(?P<project>[^/\s]+/[^/\s]+/[^/\s]+)/(?P<number>\d{1,12})(?!\d)")
_NUMBERED = re.compile(r"(?P<project>[^\s#]+)\s*#\s*(?P<number>\d{1,12})")


def find_event_id(transaction: Transaction, written: str, now: datetime) -> UUID:
    """Return the event of the build that a text names. Raises BadRequest, NotFound.

    written   CircleCI's id of the workflow or that of the event, or an address that has either; ``acme/web#1487``, or
              CircleCI's address of a pipeline: of its runs a red one, else the newest; or a search of builds with at
              least one filter, such as ``project:acme/web branch:main``: the newest
    """
    if ids := _ID.findall(written):
        build_id = UUID(ids[-1])
        run = runs.find_all(transaction, [build_id]).get(build_id)
        return run.event_id if run else build_id
    if named := _PIPELINE.search(written) or _NUMBERED.fullmatch(written.strip()):
        return _of_pipeline(transaction, unquote(named["project"]), int(named["number"]))
    return _newest(transaction, written, now)


def _of_pipeline(transaction: Transaction, project: str, number: int) -> UUID:
    known = project_tracks.find_named(transaction, [project]).get(project, ())
    found = [run for key in known for run in run_neighbors.of_number(transaction, key, number)]
    if not found:
        raise NotFound(f"no run of {project!a} in pipeline {number} is on record")
    return max(found, key=lambda run: (run.color is Color.RED, run.stopped_at, run.id)).event_id


def _newest(transaction: Transaction, written: str, now: datetime) -> UUID:
    if not search_text.expand({"q": written}, queries.NAMED_FILTERS).keys() - {"q"}:
        raise BadRequest(
            "build must be an id such as 3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e, an address that has one, a project and "
            "number such as acme/web#1487, or a search such as project:acme/web branch:main"
        )
    search = queries.to_search({"q": written}, now, for_people=True)
    found = queries.find_events(transaction, search, limit=1, cursor=None).items
    if not found:
        raise NotFound(f"no build on record fits {written!a}")
    return found[0].id

"""The states of workflows as cctray.xml, for build monitors."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from service.model import Color, Track
from service.model.same_names import mark_of, tell_apart
from service.operations.json_shapes import rfc3339
from service.store.events.filters import escaped
from service.store.runs.tracks import StoredTrack
from service.text import definition_digits
from service.web.feeds.xml_text import add, document

MEDIA_TYPE = "application/xml"
STATUSES = {Color.GREEN: "Success", Color.RED: "Failure"}


def render_cctray(tracks: Sequence[StoredTrack], definitions: Mapping[int, str], *, site: str) -> bytes:
    """Return the state of each track as a project of cctray, under a name of its own.

    definitions   of those tracks that are told apart by them

    Source: cctray.org, "Multiple Project Summary Reporting Standard". A project always sleeps: CircleCI tells of a
    workflow when it has ended.
    """
    root = Element("Projects")
    marks = tell_apart((one.track.project_name, one.track.project_slug) for one in tracks)
    for one in tracks:
        color = one.state.color
        add(
            root,
            "Project",
            name=_name(one.track, mark_of(marks, one.track.project_slug), definitions.get(one.track.id)),
            activity="Sleeping",
            lastBuildStatus=STATUSES.get(color, "Unknown") if color else "Unknown",
            **({"lastBuildLabel": str(one.newest_pipeline)} if one.newest_pipeline is not None else {}),
            lastBuildTime=rfc3339(one.state.last_at) if one.state.last_at else "1970-01-01T00:00:00.000Z",
            webUrl=f"{site}{_page(one)}",
        )
    return document(root)


def _name(track: Track, mark: str, definition: str | None) -> str:
    """Return the name of a track, by which monitors know it."""
    project = f"{track.project_name or track.project_slug or ''}{mark}"
    last = f"(definition {definition_digits(definition)})" if definition else None
    return " ".join(name for name in (project, track.branch, track.workflow, last) if name)


def _page(one: StoredTrack) -> str:
    """Return the path of the builds of a track."""
    names = {"project": one.track.project_slug, "branch": one.track.branch, "workflow": one.track.workflow}
    return "/builds?" + urlencode({name: escaped(value) for name, value in names.items() if value})

"""The states of workflows as cctray.xml, for build monitors."""

from collections.abc import Sequence
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from service.model import Color
from service.operations.json_shapes import rfc3339
from service.store.events.filters import escaped
from service.store.runs.tracks import StoredTrack
from service.web.feeds.xml_text import add, document

MEDIA_TYPE = "application/xml"
STATUSES = {Color.GREEN: "Success", Color.RED: "Failure"}


def render_cctray(tracks: Sequence[StoredTrack], *, site: str) -> bytes:
    """Return the state of each track as a project of cctray.

    Source: cctray.org, "Multiple Project Summary Reporting Standard". A project always sleeps: CircleCI tells of a
    workflow when it has ended.
    """
    root = Element("Projects")
    for one in tracks:
        names = (one.track.project_name or one.track.project_slug, one.track.branch, one.track.workflow)
        color = one.state.color
        add(
            root,
            "Project",
            name=" ".join(name for name in names if name),
            activity="Sleeping",
            lastBuildStatus=STATUSES.get(color, "Unknown") if color else "Unknown",
            **({"lastBuildLabel": str(one.newest_pipeline)} if one.newest_pipeline is not None else {}),
            lastBuildTime=rfc3339(one.state.last_at) if one.state.last_at else "1970-01-01T00:00:00.000Z",
            webUrl=f"{site}{_page(one)}",
        )
    return document(root)


def _page(one: StoredTrack) -> str:
    """Return the path of the builds of a track."""
    names = {"project": one.track.project_slug, "branch": one.track.branch, "workflow": one.track.workflow}
    return "/builds?" + urlencode({name: escaped(value) for name, value in names.items() if value})

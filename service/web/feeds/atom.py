"""Builds as an Atom feed (RFC 4287)."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from service.message import one_line
from service.message.status_text import duration
from service.model import Event
from service.operations.json_shapes import rfc3339
from service.web.feeds.xml_text import add, document

MEDIA_TYPE = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"
NO_BUILD_AT = "1970-01-01T00:00:00.000Z"  # "updated" is required, and a time of ours would change the empty feed
MAX_TITLE = 300


def render_atom(events: Sequence[Event], *, site: str, own: str, page: str) -> bytes:
    """Return a feed of builds, newest first.

    site   our address, without a path
    own    the path and query of the feed
    page   the path and query of the page that shows the same
    """
    feed = Element("feed", {"xmlns": NAMESPACE})
    add(feed, "id", f"{site}{page}#feed")  # not of its own address: a new key makes no new feed
    add(feed, "title", "Roundsman: builds")
    add(feed, "updated", max((rfc3339(event.happened_at) for event in events), default=NO_BUILD_AT))
    add(add(feed, "author"), "name", "Roundsman")
    add(feed, "link", rel="self", href=f"{site}{own}", type=MEDIA_TYPE)
    add(feed, "link", rel="alternate", href=f"{site}{page}", type="text/html")
    for event in events:
        _add_entry(feed, event, site)
    return document(feed)


def _add_entry(feed: Element, event: Event, site: str) -> None:
    entry = add(feed, "entry")
    add(entry, "id", f"urn:uuid:{event.id}")
    add(entry, "title", _title(event))
    add(entry, "updated", rfc3339(event.happened_at))
    add(entry, "link", rel="alternate", href=f"{site}/builds/{event.id}", type="text/html")
    if event.status:
        add(entry, "category", term=event.status)
    if author := one_line(event.commit.author_name or "", MAX_TITLE):
        add(add(entry, "author"), "name", author)
    add(entry, "content", "\n".join(_lines(event)), type="text")


def _title(event: Event) -> str:
    """Return the status and the names of a build, on one line."""
    place = event.tag or event.branch
    names = [event.project_name, place, event.workflow.name, event.job.name if event.job else None]
    title = " ".join(name for name in names if name) or str(event.kind)
    return one_line(f"{title}: {event.status}" if event.status else title, MAX_TITLE)


def _lines(event: Event) -> list[str]:
    lines = [
        event.commit.subject,
        f"revision {event.revision[:7]}" if event.revision else None,
        f"pipeline {event.pipeline.number}" if event.pipeline.number is not None else None,
        f"took {duration(event.duration_ms)}" if event.duration_ms is not None else None,
        str(event.run.transition).replace("_", " ") if event.run else None,
    ]
    return [line for line in lines if line]

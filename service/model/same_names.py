"""Names that several projects have, told apart by their slugs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from service.model.events import Event, slug_spellings

MAX_DIGITS = 8


def tell_apart(projects: Iterable[tuple[str | None, str | None]]) -> Mapping[str, str]:
    """Return what stands behind the name of a project, by its slug.

    Only where another of these has the name too: the prefix of its slug (``gh``), the first digits of its id where that
    is the same, and the whole slug of one without an organization in its name.

    projects   the name and the slug of each; one without either cannot be told apart
    """
    slugs: dict[str, dict[str, str]] = defaultdict(dict)
    for name, slug in projects:
        if name and slug:
            slugs[name].setdefault(slug_spellings(slug)[0], slug)
    alike = [list(some) for some in slugs.values() if len(some) > 1]
    return {slug: words for some in alike for slug, words in zip(some, _marks(some), strict=True)}


def mark_of(marks: Mapping[str, str], slug: str | None) -> str:
    """Return the words behind a name, in brackets; empty where none are needed."""
    words = marks.get(slug_spellings(slug)[0]) if slug else None
    return f" ({words})" if words else ""


def marked_events(events: Iterable[Event]) -> Sequence[Event]:
    """Return events, those of projects of one name called so that they differ."""
    found = list(events)
    marks = tell_apart((one.project_name, one.project.slug) for one in found)
    return [_marked(one, mark_of(marks, one.project.slug)) for one in found] if marks else found


def _marked(event: Event, mark: str) -> Event:
    if not mark or not event.project.name:
        return event
    return replace(event, project=replace(event.project, name=f"{event.project.name}{mark}"))


def _marks(slugs: list[str]) -> list[str]:
    prefixes = [slug.partition("/")[0] for slug in slugs]
    digits = [f"{slug.partition('/')[0]} {slug.rpartition('/')[2][:MAX_DIGITS]}" for slug in slugs]
    return next((marks for marks in (prefixes, digits) if len({*marks}) == len(slugs)), slugs)

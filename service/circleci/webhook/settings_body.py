"""The body of an event of ours: settings that guard builds have changed. Pure.

It is kept and parsed as a webhook is, so that what was told of is on record with the reasons, and can be replayed.
"""

import json
from collections.abc import Sequence
from datetime import UTC

from service.circleci.guards import GuardPlace
from service.circleci.json_fields import read_list, read_number, read_object, read_text
from service.model import EventKind, GuardChange, SettingsNews, slug_spellings

MAX_CHANGES = 100  # in a body; the page has all
MAX_CHARACTERS = 1_000


def settings_body(place: GuardPlace, changes: Sequence[GuardChange], *, is_of_org: bool) -> bytes:
    """Return the body of the changes that one look found.

    is_of_org   they are of the organization, and not of the project
    """
    first, id_ = changes[0], None if is_of_org else place.project_id
    slug = None if is_of_org else slug_spellings(place.slug)[-1]  # webhooks have the long one
    payload = {
        "type": str(EventKind.SETTINGS_CHANGED),
        "id": f"settings:{first.id}",
        "happened_at": first.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "project": {"id": id_, "name": None if is_of_org else place.project_name, "slug": slug},
        "organization": {"name": place.org_name},
        "count": len(changes),
        "changes": [
            {"id": str(one.id), "area": one.area, "name": one.name, "kind": one.kind, "sentence": one.sentence}
            for one in changes[:MAX_CHANGES]
        ],
    }
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def read_news(body: bytes) -> SettingsNews:
    """Return the changes that a body tells of; none if it tells of none. Never raises."""
    try:
        payload = read_object(body)
    except ValueError:
        payload = {}
    changes = [one for one in read_list(payload.get("changes"))[:MAX_CHANGES] if isinstance(one, dict)]
    found = [read_text(one.get("sentence"), MAX_CHARACTERS) for one in changes]
    sentences = tuple(one for one in found if one)
    return SettingsNews(sentences=sentences, count=max(read_number(payload.get("count")) or 0, len(sentences)))

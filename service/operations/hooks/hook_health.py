"""The health of a project's hook: its last post, refused posts, and silence."""

from datetime import datetime, timedelta

from service.db.tables import Transaction
from service.model import slug_spellings
from service.operations.json_shapes import Json, refusal_json, rfc3339
from service.store.circleci import hooks
from service.store.deliveries import refusals
from service.store.runs import project_tracks
from service.store.runs.project_tracks import ProjectKey

SILENT_AFTER = timedelta(days=7)
"""The time without a run after which a hook is called silent: most projects rest at weekends."""


def read_hook_health(transaction: Transaction, key: ProjectKey, now: datetime) -> Json:
    """Return when a project was last heard of, and what is known of its hook.

    ``known`` names its hooks as the commands last saw them; ``refused`` are posts that named one of these.
    """
    last_at = project_tracks.activity(transaction, key).last_at
    slugs = slug_spellings(key.slug) if key.slug else ()
    known = [one for one in hooks.find_all(transaction) if one.project in slugs]
    ids = {one.id for one in known}
    refused = [one for one in refusals.latest(transaction) if one.hook_id in ids] if ids else []
    return {
        "last_at": rfc3339(last_at) if last_at else None,
        "is_silent": last_at is not None and now - last_at > SILENT_AFTER,
        "known": [{"name": one.name, "seen_at": rfc3339(one.seen_at)} for one in known],
        "refused": [refusal_json(one) for one in refused],
    }

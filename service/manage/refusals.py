"""The last posts that were refused: shown to find out why nothing arrives."""

from service.manage.shapes import Json, refusal_json
from service.store import Store, refusals


async def list_refusals(store: Store) -> Json:
    """Return the last refusals, newest first, at most 50: ``{"items": [...]}``."""
    return {"items": [refusal_json(refusal) for refusal in await store.read(refusals.latest)]}

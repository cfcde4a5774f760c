"""The last refused posts, which show why no webhook is accepted."""

from service.db.database import Store
from service.operations.json_shapes import Json, refusal_json
from service.store import refusals


async def list_refusals(store: Store) -> Json:
    """Return the last refusals, newest first, at most 50: ``{"items": [...]}``."""
    return {"items": [refusal_json(refusal) for refusal in await store.read(refusals.latest)]}

"""Deeds of people in the demo: what they do over Roundsman's API."""

from collections.abc import Awaitable, Callable

import httpx


def take_incident(*, project: str, by: str, note: str) -> Callable[[httpx.AsyncClient], Awaitable[None]]:
    """Return a deed: a person takes the open incident on a project's main."""

    async def take(api: httpx.AsyncClient) -> None:
        found = await api.get("/api/v1/incidents", params={"project": project, "branch": "main", "state": "open"})
        for incident in found.raise_for_status().json()["items"][:1]:
            taking = await api.post(f"/api/v1/incidents/{incident['id']}/take", json={"by": by, "note": note})
            taking.raise_for_status()

    return take

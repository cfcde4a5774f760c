"""A Roundsman whose users log in at a pretend provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.app_fixture import Clock, Instance, an_instance
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, a_provider

CALLBACK = "/login/oidc/callback"
ADDRESS = "http://127.0.0.1:8000"


@dataclass(kw_only=True)
class Site:
    """A Roundsman with a provider, and a browser."""

    instance: Instance
    provider: OidcProvider
    browser: httpx.AsyncClient

    async def log_in(self, wanted: str = "/builds", **changes: str) -> httpx.Response:
        """Go to the provider and come back, with changes of what the browser brings."""
        sent = await self.browser.get("/login/oidc", params={"next": wanted})
        assert sent.status_code == 303, sent.text
        brought = self.provider.authorize(sent.headers["location"])
        return await self.browser.get(CALLBACK, params={**brought, **changes})


@asynccontextmanager
async def a_site(folder: Path, **more: str) -> AsyncIterator[Site]:
    clock = Clock()
    async with a_provider(clock) as provider:
        env: dict[str, Any] = {
            "ROUNDSMAN_OIDC_ISSUER": provider.issuer,
            "ROUNDSMAN_OIDC_CLIENT_ID": CLIENT_ID,
            "ROUNDSMAN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "ROUNDSMAN_OIDC_DOMAINS": "Example.com, example.org",
            "ROUNDSMAN_OPERATORS": "group:developers",
            **more,
        }
        async with an_instance(folder, clock=clock, **env) as instance, another_browser(instance) as browser:
            yield Site(instance=instance, provider=provider, browser=browser)


def another_browser(instance: Instance) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(instance.service.asgi, client=("192.0.2.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url=ADDRESS)

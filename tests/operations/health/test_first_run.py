"""The first run: what the page of builds says until the first post is accepted."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.config.configuration import load
from service.model import KnownHook
from service.store.circleci import hooks
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, ping
from tests.support.app_fixture import NINE, RED_TO_WEB, SETTLED_WITHIN_S, Instance, a_moment, an_instance, environ
from tests.support.pages_fixture import text

PUBLIC_URL = "https://ci.example.com"
UNREACHABLE = [
    *("http://127.0.0.1:8000", "https://localhost", "http://ci.example.com", "https://10.1.2.3", "https://ci.internal"),
]
SIGNED = "First signed post Nothing has been posted here yet: press Test Ping Event at CircleCI"


@pytest.fixture
async def public(folder: Path) -> AsyncIterator[Instance]:
    """A service at a public address that no post has reached."""
    async with an_instance(folder, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL) as instance:
        instance.http.base_url = PUBLIC_URL
        yield instance


async def first_page(instance: Instance) -> str:
    page = await instance.http.get("/")
    assert page.status_code == 200
    return text(page)


async def test_until_the_first_post_the_page_is_a_checklist(public: Instance) -> None:
    page = await first_page(public)

    assert "✓ done Public address https://ci.example.com" in page
    assert "✓ done Webhook secret CircleCI signs with the secret in ROUNDSMAN_WEBHOOK_SECRETS" in page
    assert "✓ done Routes 1 route in roundsman.yaml" in page
    assert "✓ done CircleCI token ROUNDSMAN_CIRCLECI_TOKEN is set" in page
    assert (
        "▸ to do Hook at CircleCI No hook is known yet: list your projects under hooks in roundsman.yaml, then" in page
    )
    assert f"▸ to do {SIGNED}" in page
    assert "receiver URL: https://ci.example.com/hooks/circleci" in page
    assert "Posts that were refused None" in page
    assert "Filter" not in page


@pytest.mark.parametrize("url", UNREACHABLE)
async def test_no_address_is_handed_out_that_circleci_cannot_reach(folder: Path, url: str) -> None:
    cloud = "https://circleci.com"
    async with an_instance(folder, ROUNDSMAN_PUBLIC_URL=url, ROUNDSMAN_CIRCLECI_URL=cloud) as instance:
        instance.http.base_url = url
        page = await first_page(instance)

    assert "/hooks/circleci" not in page
    assert "▸ to do Public address" in page
    assert "set ROUNDSMAN_PUBLIC_URL" in page


async def test_without_a_public_address_the_page_says_so_first(instance: Instance) -> None:
    page = await first_page(instance)

    assert "/hooks/circleci" not in page
    assert "step by step ▸ to do Public address ROUNDSMAN_PUBLIC_URL is not set" in page


async def test_refused_post_is_shown_with_sender_reason_and_next_step(public: Instance) -> None:
    body = as_bytes(ping(WEB, NINE))
    refused = await public.send(body, secret="another-secret", **{"user-agent": "CircleCI <b>Webhook</b>/1.0"})

    async with asyncio.timeout(SETTLED_WITHIN_S):
        while "refused None" in (page := await first_page(public)):  # it is put on record beside the answer
            await a_moment()

    later = text(await public.http.get("/dead-letters"))

    assert refused.status_code == 401
    assert "First signed post At least 1 post was refused, the last one on record because" in page
    assert "The last posts that were refused These posts were not stored, and need no action" in later
    assert "1 refusal, just now" in later
    assert "today 09:30:00 127.0.0.1 CircleCI <b>Webhook</b>/1.0 401: " in page


async def test_a_hook_that_was_seen_is_named_with_its_project(public: Instance) -> None:
    known = [KnownHook(id=str(n), project=f"gh/acme/{n}", name="Roundsman", seen_at=NINE) for n in range(4)]
    await public.service.context.store.write(hooks.record, known, [])

    page = await first_page(public)

    assert "✓ done Hook at CircleCI 4 hooks at CircleCI, last seen by the hooks commands: gh/acme/0" in page
    assert "and 1 more" in page


async def test_first_accepted_post_of_any_kind_ends_the_first_run(public: Instance) -> None:
    unread = await public.send(b'{"type": "new"}')
    kept = await first_page(public)
    await public.drain()
    not_understood = await first_page(public)
    await public.act(f"deliveries/{unread.json()['delivery']}/dismiss")
    dismissed = await first_page(public)
    await public.post(ping(WEB, NINE))
    await public.drain()
    pinged = await first_page(public)

    assert "A webhook was received and is not judged yet" in kept
    assert "CircleCI reaches this service, but its webhook was not understood" in not_understood
    assert not_understood == dismissed
    assert "CircleCI reaches this service: the latest event is a ping" in pinged
    assert not [page for page in (kept, not_understood, pinged) if "First signed post" in page]


async def test_a_reload_is_seen_and_the_address_stays_as_it_began(public: Instance) -> None:
    routes = RED_TO_WEB + "hooks: [{project: gh/acme/web}]\n"
    env = environ(public.folder, routes, ROUNDSMAN_PUBLIC_URL="https://other.example.com")
    del env["ROUNDSMAN_CIRCLECI_TOKEN"]

    public.service.reload(load(env))
    page = await first_page(public)

    assert "– optional CircleCI token ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs" in page
    assert (
        "No hook is known yet: add one by hand in CircleCI's project settings, or set ROUNDSMAN_CIRCLECI_TOKEN" in page
    )
    assert "other.example.com" not in page

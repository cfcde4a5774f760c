"""Pages that few people open, in a real browser: sessions, a login at a provider, a test, a test message."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from service.testing.sample_runs import VOUCHERS
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance
from tests.support.browser_fixture import browser, tab
from tests.support.chromium import ALL_WIDTHS, WIDTHS, Loop, Tab, a_context, told
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.tested_runs import post, run

__all__ = ["browser", "tab"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

PROVIDER: dict[str, Any] = {
    "ROUNDSMAN_OIDC_ISSUER": "http://127.0.0.1:9/" + "a-long-path-of-the-provider/" * 6,
    "ROUNDSMAN_OIDC_CLIENT_ID": "roundsman",
    "ROUNDSMAN_OIDC_CLIENT_SECRET": "an invented secret",
    "ROUNDSMAN_OIDC_DOMAINS": "example.com",
}
WORDS = (VOUCHERS[0].name, UNBROKEN, HOSTILE, WIDE)
OF_STRANGERS = ("/login", "/login?next=/builds", "/login/oidc", "/login/oidc/callback?error=access_denied&state=x")


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a provider, some sessions, and tests of long and hostile names that failed."""
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("others")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(an_instance(folder, RED_TO_WEB, **PROVIDER)))
        loop.run(fill(instance))
        yield stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))


async def fill(instance: Instance) -> None:
    instance.clock.tick(hours=12)
    failing = [replace(VOUCHERS[0], name=words, message=words) for words in WORDS]
    await post(instance, run(900), *(run(number, *failing, attempt=1) for number in (901, 902)))
    await post(instance, run(902, attempt=2), run(903, *failing))
    for name in ("Ada", "Linh", UNBROKEN, HOSTILE):
        for _ in range(2):
            await log_in(instance, name)


async def log_in(instance: Instance, name: str) -> None:
    async with instance.stranger() as stranger:
        await stranger.post("/login", data={"token": ADMIN_TOKEN, "name": name[:100]})


def pages(tab: Tab) -> list[str]:
    """Return the addresses of the pages, those of tests by way of their list."""
    tab.go("/tests?still=1")
    links = re.findall(r'href="(/tests/[0-9a-f-]{36})"', tab.page.content())
    return ["/sessions", "/health/test?receiver=web", *(f"{one}?still=1" for one in dict.fromkeys(links))]


def test_no_page_scrolls_sideways(tab: Tab, is_long: bool) -> None:
    faults, paths = {}, pages(tab)
    for path in paths:
        tab.go(path)
        faults[path] = [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.complaints]
        tab.complaints.clear()

    assert len(paths) == 2 + len(WORDS)
    assert not any(faults.values()), told(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_controls_can_be_hit(tab: Tab, scheme: str) -> None:
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = {}
    for path in pages(tab):
        for width in (1440, 390):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.go(path)
            faults[f"{path} {width}"] = [*tab.faults(), *tab.hard_to_use()]

    assert not any(faults.values()), told(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_at_a_provider_is_in_order(browser: Browser, address: str, scheme: str) -> None:
    faults = {}
    with a_context(browser, color_scheme="dark" if scheme == "dark" else "light") as context:
        tab = Tab.open(context, address)
        for path in OF_STRANGERS:
            tab.go(path)
            faults[path] = [*tab.too_wide_at(WIDTHS), *tab.faults(), *tab.hard_to_use()]

    assert not any(faults.values()), told(faults)


def test_a_session_is_ended_and_the_act_is_shown(tab: Tab) -> None:
    tab.go("/sessions")
    tab.page.click("article:has-text('Linh') button:has-text('End all')")

    shown = tab.page.text_content("section:has(#ended)") or ""
    assert shown.count("of Linh (admin token), since ") == 2


FOLDED = "() => document.getElementById('why').closest('details').open"
IN_VIEW = "() => { const {top} = document.getElementById('why').getBoundingClientRect(); return 0 <= top && top < 600 }"


@pytest.mark.parametrize("has_script", [True, False])
def test_the_link_to_the_reasons_opens_them(browser: Browser, address: str, has_script: bool) -> None:
    with a_context(browser, java_script_enabled=has_script, viewport={"width": 1024, "height": 600}) as context:
        tab = Tab.open(context, address)
        tab.page.goto(f"{address}/login")
        tab.page.fill("input[name=token]", ADMIN_TOKEN)
        tab.page.click("button")
        tab.page.goto(f"{address}/builds?status=failed&still=1")
        tab.page.click("td.c-what a >> nth=0")
        build = tab.page.url.partition("?")[0]
        before = tab.page.evaluate(FOLDED)
        tab.page.goto(f"{build}?still=1#why")
        tab.page.wait_for_function(IN_VIEW) if has_script else None

        assert (before, tab.page.evaluate(FOLDED), tab.page.evaluate(IN_VIEW)) == (False, True, True)


def test_a_browser_that_opens_no_fold_by_itself_has_the_script_for_it(tab: Tab) -> None:
    tab.go("/builds?status=failed&still=1")
    tab.page.click("td.c-what a >> nth=0")
    tab.page.evaluate("history.replaceState(null, '', '#why'); dispatchEvent(new HashChangeEvent('hashchange'))")

    assert tab.page.evaluate(FOLDED)
    assert tab.page.evaluate(IN_VIEW)

"""Open pages in a real browser: they follow what happens, and are used by keyboard."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from service.app.limits import Limits
from service.web.live.changes import LiveLimits
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.browser_fixture import browser
from tests.support.chromium import Loop, Tab, a_context

__all__ = ["browser"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

TOLD_WITHIN_MS = 30_000
HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
NOTICE = "document.dispatchEvent(new Event('visibilitychange'))"


@dataclass(kw_only=True)
class Site:
    """A service at work, and a tab of an operator."""

    loop: Loop
    instance: Instance
    tab: Tab
    stack: ExitStack

    def finish(self, number: int, status: str) -> None:
        """End a run."""
        run = replace(RED, number=number, status=status, subject=f"Change {number}")
        self.loop.run(self.instance.finish(run))

    @property
    def page(self) -> Page:
        return self.tab.page

    def comes(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.page.get_by_text(text).first.wait_for(timeout=TOLD_WITHIN_MS)


@pytest.fixture
def site(browser: Browser, migrated: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copy(migrated, tmp_path / "roundsman.db")
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        live = LiveLimits(pause_s=0.1)
        instance = stack.enter_context(loop.within(an_instance(tmp_path, limits=Limits(live=live))))
        stack.enter_context(loop.within(instance.service.running()))
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        stack.callback(instance.service.stop)
        context = stack.enter_context(a_context(browser, timezone_id="America/New_York"))
        tab = Tab.open(context, address)
        tab.log_in()
        yield Site(loop=loop, instance=instance, tab=tab, stack=stack)
        assert tab.complaints == []


def test_a_build_is_on_an_open_page_without_a_reload(site: Site) -> None:
    site.finish(900, "success")
    site.tab.go("/builds")
    site.comes("Change 900")
    site.page.evaluate("window.isSame = true")

    site.finish(901, "failed")
    site.comes("Change 901")

    assert site.page.evaluate("window.isSame") is True


def test_what_is_being_typed_stays_and_the_page_follows_after_it(site: Site) -> None:
    site.finish(900, "success")
    site.tab.go("/builds")
    field = site.page.locator("main input[type=text], main input[type=search], main input:not([type])").first
    field.fill("half a wor")

    site.finish(901, "failed")
    site.page.wait_for_timeout(1_000)

    assert field.input_value() == "half a wor"


def test_a_hidden_page_sleeps_and_looks_when_it_is_seen_again(site: Site) -> None:
    site.finish(900, "success")
    site.tab.go("/builds")
    site.comes("Change 900")  # judged after the page was read, it would be asked for
    asked: list[str] = []
    site.page.on("request", lambda request: asked.append(request.url))
    site.page.evaluate(HIDE % "true" + ";" + NOTICE)
    site.finish(901, "failed")
    site.page.wait_for_timeout(1_000)
    before = list(asked)
    site.page.evaluate(HIDE % "false" + ";" + NOTICE)
    site.comes("Change 901")

    assert before == []


def test_times_are_in_the_readers_zone_and_the_page_says_so(site: Site) -> None:
    site.finish(900, "success")
    site.tab.go("/builds")
    shown = site.page.locator("main time").first

    assert "04:12" in str(shown.text_content())  # 09:12 UTC
    assert "09:12" in str(shown.get_attribute("title"))
    assert site.page.get_by_text("Times are in your time zone").is_visible()


def test_keys_search_walk_and_explain(site: Site) -> None:
    for number in (900, 901):
        site.finish(number, "failed")
    site.tab.go("/builds")
    site.comes("Change 901")

    site.page.keyboard.press("?")
    assert site.page.get_by_role("dialog").is_visible()
    site.page.keyboard.press("?")
    assert not site.page.get_by_role("dialog").is_visible()
    site.page.keyboard.press("j")
    first = site.page.evaluate("document.activeElement.href")
    site.page.keyboard.press("j")
    second = site.page.evaluate("document.activeElement.href")
    site.page.keyboard.press("k")

    assert "/builds/" in first
    assert first != second
    assert site.page.evaluate("document.activeElement.href") == first

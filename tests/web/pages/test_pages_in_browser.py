"""Every page in a real browser: at every width, in light and dark, with the longest and the most hostile words."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from service.operations.queries import SEARCHABLE
from service.web.server.server import listen, serving
from tests.support.app_fixture import NINE, an_instance
from tests.support.browser_fixture import browser, tab
from tests.support.chromium import ALL_WIDTHS, WIDTHS, Loop, Tab, a_context, told
from tests.support.long_cases import first_and_long
from tests.support.longest_history import HOSTILE, LONG, UNBROKEN, Longest, fill, refuse
from tests.support.pages_fixture import Instance

__all__ = ["browser", "tab"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

EDGES = """() => {
    const {top, right} = document.querySelector('details.dismiss > summary').getBoundingClientRect()
    return [top + scrollY, right].map(Math.round)
}"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service with the longest history, and one that nothing has reached yet."""

    full: str
    empty: str
    history: Longest


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        services, addresses = [], []
        for name in ("full", "empty"):
            folder = tmp_path_factory.mktemp(name)
            shutil.copy(migrated, folder / "roundsman.db")
            opened = stack.enter_context(loop.within(an_instance(folder)))
            services.append(opened.service.context)
            addresses.append(stack.enter_context(loop.within(serving(opened.service.asgi, listen("127.0.0.1", 0)))))
        history = loop.run(fill(Instance(store=services[0].store, jobs=services[0].jobs, now=NINE)))
        for context in services:
            loop.run(refuse(context.store))
        yield Site(full=addresses[0], empty=addresses[1], history=history)


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    return site.full


def each_page(site: Site) -> list[str]:
    """Return the address of every kind of page, in each of its states, with ordinary words."""
    crowded, bare, ping, *_ = site.history.events
    kept, dead, dismissed, *_ = site.history.deliveries
    return [
        *(
            "/builds",
            "/builds?event=any",
            "/builds?branch=nowhere",
            "/builds?since=someday",
            "/dead-letters",
            "/silences",
            "/known-problems",
            "/settings",
            "/usage",
            "/incidents",
            "/nowhere",
            "/builds/none",
        ),
        *(f"/builds/{one}?still=1" for one in (bare, ping, kept, dead, dismissed, crowded)),
    ]


def few_pages(site: Site) -> list[str]:
    """Return a list and a build: axe-core takes seconds for each."""
    return ["/builds", f"/builds/{site.history.events[1]}"]


def longest_pages(site: Site, *, is_long: bool) -> list[str]:
    """Return the addresses that show the longest and the most hostile words."""
    events, others = site.history.events[3:], site.history.deliveries
    filters = {name: UNBROKEN for name in SEARCHABLE if name not in {"event", "told", "since", "until"}}
    asked = [filters, {"since": HOSTILE}, {"branch": HOSTILE, "event": "any"}, {"q": UNBROKEN, "cursor": "bogus"}]
    return [
        *(f"/builds?{urlencode(one)}" for one in asked),
        *(f"/{UNBROKEN}", f"/builds/{UNBROKEN}", "/login/a-code-of-nobody"),
        *(f"/builds/{one}?still=1" for one in (events if is_long else events[: len(LONG)])),
        *(f"/builds/{one}?still=1" for one in (others if is_long else others[:: len(LONG) + 1])),
    ]


def test_no_page_scrolls_sideways_or_runs_what_came_in(tab: Tab, site: Site, is_long: bool) -> None:
    faults = {}
    for path in [*each_page(site), *longest_pages(site, is_long=is_long)]:
        tab.go(path)
        if found := [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.complaints]:
            faults[path[:100]] = found
        tab.complaints.clear()

    assert not faults, told(faults)


def test_neither_do_the_pages_of_strangers_and_of_a_service_that_nothing_reached(
    browser: Browser, site: Site, is_long: bool
) -> None:
    faults = {}
    with a_context(browser) as context:
        tab = Tab.open(context, site.empty)
        tab.go(f"/login?{urlencode({'next': f'/{HOSTILE}'})}")
        faults["login"] = [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.faults(), *tab.complaints]
        tab.log_in()
        for path in ("/builds", "/dead-letters"):
            tab.go(path)
            faults[path] = [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.faults(), *tab.complaints]

    assert not any(faults.values()), told(faults)


def test_axe_finds_nothing_in_light_and_dark(tab: Tab, site: Site, is_long: bool) -> None:
    schemes: Sequence[Literal["light", "dark"]] = ("light", "dark")
    faults = {}
    for number, path in enumerate(each_page(site) if is_long else few_pages(site)):
        tab.go(path)
        for scheme in schemes if is_long else [schemes[number % 2]]:
            tab.page.emulate_media(color_scheme=scheme)
            for width in (1440, 390) if is_long else [(1440, 390)[number % 2]]:
                tab.page.set_viewport_size({"width": width, "height": 900})
                faults[f"{path} {scheme} {width}"] = tab.faults()

    assert not any(faults.values()), told(faults)


@pytest.mark.parametrize("scheme", first_and_long(["light", "dark"]))
def test_controls_can_be_seen_and_hit(tab: Tab, site: Site, scheme: Literal["light", "dark"]) -> None:
    """Their borders, their placeholders, and their size on a phone, which axe-core does not measure."""
    tab.page.emulate_media(color_scheme=scheme)
    tab.page.set_viewport_size({"width": 390, "height": 900})
    faults = {}
    for path in ("/builds", "/dead-letters", "/silences", f"/builds/{site.history.events[1]}"):
        tab.go(path)
        faults[path] = tab.hard_to_use()

    assert not any(faults.values()), told(faults)


def test_the_outcome_of_an_attempt_has_room_at_every_width(tab: Tab, site: Site) -> None:
    widths = {}
    tab.go(f"/builds/{site.history.events[3]}?still=1")
    for width in (390, 1024, 1100, 1280, 1440):
        tab.page.set_viewport_size({"width": width, "height": 900})
        widths[width] = tab.page.evaluate("document.querySelector('.attempts td:last-child').offsetWidth")

    assert min(widths.values()) >= 280, widths


@pytest.mark.parametrize("width", [390, 1024])
def test_a_form_that_opens_moves_no_button_and_has_a_name_of_its_own(tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 900})
    tab.page.goto(tab.address + "/dead-letters?still=1")
    fold = tab.page.locator("details.dismiss").first
    words = fold.locator("summary").inner_text()
    before = tab.page.evaluate(EDGES)

    fold.locator("summary").click()

    assert tab.page.evaluate(EDGES) == before
    assert fold.locator("button").inner_text() == words.split("\n")[0].strip()
    assert fold.locator("summary").inner_text().startswith("Not now")


def test_the_browser_tells_of_scripts_requests_and_what_is_too_wide(tab: Tab) -> None:
    tab.go("/builds")

    tab.page.evaluate("""() => {
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="alert(1)" style="width: 2000px">')
        document.querySelector('h1').setAttribute('style', 'color: #ddd')
        document.querySelector('main').insertAdjacentHTML('beforeend', '<div class="builds"><b></b></div>'.repeat(1))
        document.querySelector('h1').insertAdjacentHTML('afterend', '<pre class="wide">' + 'x'.repeat(900) + '</pre>')
        const sheet = new CSSStyleSheet(); sheet.replaceSync('.wide { white-space: pre !important; overflow: visible }')
        document.adoptedStyleSheets = [sheet]
    }""")

    assert len(tab.too_wide_at([320])) == 1
    assert [said for said in tab.complaints if "Content Security Policy" in said]


def test_on_paper_a_page_has_nothing_to_press(tab: Tab, site: Site) -> None:
    tab.page.emulate_media(media="print")
    script = """[...document.querySelectorAll('button, input:not([type=hidden]), select, nav, summary')]
        .filter(one => one.checkVisibility()).map(one => one.outerHTML)"""
    for path in ("/builds", "/dead-letters", f"/builds/{site.history.events[3]}?still=1"):
        tab.page.goto(site.full + path)
        assert tab.page.evaluate(script) == []

"""Now and the pages of projects in a real browser: at every width, in light and dark, with long histories."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from service.web.server.server import listen, serving
from tests.support.app_fixture import NINE, RED, Instance, an_instance
from tests.support.browser_fixture import browser, tab
from tests.support.chromium import ALL_WIDTHS, WIDTHS, Loop, Tab, told
from tests.support.fleet import Size, fill
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE

__all__ = ["browser", "tab"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

PATHS = ("/?still=1", "/?still=1&organization=tools", "/?still=1&mine=ada", "/?still=1&team=web", "/board?still=1")
TESTS = ("/tests?still=1", "/tests?still=1&state=flaky", "/tests?still=1&project=nobody")
LISTS = (
    "/notifications?still=1",
    "/incidents?still=1",
    "/incidents?still=1&state=closed",
    "/dead-letters?still=1",
    "/health?still=1",
)
FORMS = ("/projects?still=1", "/tests?still=1", "/incidents?still=1", "/notifications?still=1", "/settings", "/usage")
OUT_OF_LINE = """() => [...document.querySelectorAll('.fields')].flatMap(form => {
    const shown = [...form.querySelectorAll('input:not([type=hidden]), select, button')]
    const bottoms = shown.map(one => one.getBoundingClientRect().bottom).filter(Boolean)
    const gap = Math.max(...bottoms) - Math.min(...bottoms)
    return gap > 1 ? [`${form.className}: ${gap}px`] : []
})"""
BOXES_APART = """() => [...document.querySelectorAll('label > input[type=checkbox]')].flatMap(box => {
    const of = box.getBoundingClientRect(), words = document.createRange()
    words.selectNodeContents(box.parentElement)
    const text = [...words.getClientRects()].filter(one => one.left >= of.right)
    const isLevel = one => Math.abs(one.top + one.bottom - of.top - of.bottom) < 8
    const isBeside = text.some(one => one.left - of.right < 16 && isLevel(one))
    return isBeside ? [] : [box.name]
})"""

UNLEVEL = """() => [...document.querySelectorAll('tbody tr')].flatMap(row => {
    const tops = [...row.cells].filter(cell => getComputedStyle(cell).display === 'table-cell').flatMap(cell => {
        const words = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange()
        while (words.nextNode()) {
            range.selectNodeContents(words.currentNode)
            const [first] = range.getClientRects()
            if (first?.width > 1 && words.currentNode.data.trim()) return [first.top]
        }
        return []
    })
    const gap = Math.max(...tops) - Math.min(...tops)
    return tops.length && gap > 8 ? [`${Math.round(gap)}px: ${row.textContent.replace(/\\s+/g, ' ').slice(0, 80)}`] : []
})"""


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with 40 projects, and a few reds of the longest and the most hostile words."""
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("fleet")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(an_instance(folder)))
        loop.run(fill(instance.service.context.store, Size(days=20), NINE))
        for nth, words in enumerate((UNBROKEN, HOSTILE, WIDE)):
            loop.run(_break(instance, nth, words))
        yield stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))


async def _break(instance: Instance, nth: int, words: str) -> None:
    await instance.finish(replace(RED, number=90_000 + nth, workflow=words[:400], subject=words[:400]))
    await instance.drain()
    [incident, *_] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    await instance.act(f"incidents/{incident['id']}/take")


def test_no_page_scrolls_sideways_or_grows_too_large(tab: Tab, is_long: bool) -> None:
    faults = {}
    for path in (*PATHS, *TESTS, *LISTS):
        response = tab.page.goto(tab.address + path)
        assert response is not None
        size = len(response.body())
        found = [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.complaints]
        faults[path] = [*found, *([f"{size} bytes"] if size > 120_000 else [])]
        tab.complaints.clear()

    assert not any(faults.values()), told(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_controls_can_be_hit(tab: Tab, scheme: str) -> None:
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = {}
    for path in (*PATHS, *TESTS, *LISTS):
        for width in (1440, 390):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.go(path)
            faults[f"{path} {width}"] = [*tab.faults(), *tab.hard_to_use()]

    assert not any(faults.values()), told(faults)


def test_fields_of_a_filter_are_level_and_boxes_beside_their_words(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 1440, "height": 900})
    faults = {}
    for path in (*FORMS, "/known-problems"):
        tab.go(path)
        faults[path] = [*(tab.page.evaluate(OUT_OF_LINE) if path in FORMS else []), *tab.page.evaluate(BOXES_APART)]

    assert not any(faults.values()), told(faults)


def test_no_line_begins_or_ends_with_a_separator(tab: Tab) -> None:
    faults = {}
    for path in (*PATHS, *TESTS, *LISTS, "/builds?still=1", "/health?still=1"):
        tab.go(path)
        faults[path] = tab.hanging_at(range(340, 1441, 100))

    assert not any(faults.values()), told(faults)


def test_no_short_word_is_on_two_lines(tab: Tab) -> None:
    faults = {}
    for path in (*PATHS, *TESTS, *LISTS, "/builds?still=1", "/health?still=1"):
        tab.go(path)
        faults[path] = tab.broken_words_at(range(340, 1441, 100))

    assert not any(faults.values()), told(faults)


def test_cells_of_a_row_begin_on_one_line(tab: Tab) -> None:
    faults = {}
    for path in ("/?still=1", "/builds?still=1", "/health?still=1"):  # those of projects are level in the middle
        for width in (1440, 1100):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.go(path)
            faults[f"{path} {width}"] = tab.page.evaluate(UNLEVEL)

    assert not any(faults.values()), told(faults)


def test_a_separator_that_hangs_is_found(tab: Tab) -> None:
    tab.go("/builds?still=1")
    ends = """text => document.querySelector('main').insertAdjacentHTML('beforeend', text)"""

    tab.page.evaluate(ends, "<p>one · <b>two</b></p>")
    tab.page.evaluate(ends, "<p>one<i class='dot'>&nbsp;<b>·</b></i><br>two</p>")
    tab.page.evaluate(ends, "<p>one <i class='dot'> <b>·</b></i>two</p>")

    assert [one.partition(": ")[2][:18] for one in tab.hanging_at([1440])] == [
        "a dot in the text:",
        "a dot at the end o",
        "a dot after a blan",
    ]


def test_figures_are_in_two_columns_on_a_phone(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 900})
    tab.go("/?still=1")

    lefts = tab.page.evaluate("[...document.querySelectorAll('.figures > div')].map(one => Math.round(one.offsetLeft))")

    assert len(lefts) == 4
    assert len(set(lefts)) == 2


def test_forty_projects_fit_on_a_wall(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 1920, "height": 1080})
    tab.go("/board?still=1")

    assert tab.page.locator(".board .tile").count() > 40
    assert tab.page.evaluate("document.documentElement.scrollHeight") <= 1080

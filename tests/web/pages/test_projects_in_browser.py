"""The pages of projects in a real browser: at every width, in light and dark, with long and hostile words."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from service.web.pages.addresses import workflow_address
from service.web.server.server import listen, serving
from tests.support.app_fixture import NINE, RED, an_instance
from tests.support.browser_fixture import browser, tab
from tests.support.chromium import ALL_WIDTHS, WIDTHS, Loop, Tab, told
from tests.support.fleet import Size, fill
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE

__all__ = ["browser", "tab"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

LONG_WORDS = (UNBROKEN[:190], HOSTILE[:190], WIDE[:190])
PATHS = (
    "/projects?still=1",
    "/projects?still=1&project=nope",
    "/projects/acme/web?still=1",
    "/projects/acme/shop-api?still=1",
    "/projects/acme/shop-api/build-and-test?still=1",
    *(
        f"{path}{'&' if '?' in path else '?'}still=1"
        for path in (workflow_address("acme/web", one) for one in LONG_WORDS)
    ),
)


@pytest.fixture(scope="module")
def address(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with 40 projects, their jobs, and a few reds of the longest and the most hostile words."""
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("projects")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(an_instance(folder)))
        loop.run(fill(instance.service.context.store, Size(days=8, has_jobs=True, runs_a_day=3), NINE))
        for nth, words in enumerate(LONG_WORDS):
            for branch in ("main", f"topic/{words}"):
                loop.run(
                    instance.finish(
                        replace(RED, number=90_000 + nth, workflow=words, branch=branch, attempt=len(branch))
                    )
                )
        loop.run(instance.drain())
        yield stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))


def test_no_page_scrolls_sideways_or_grows_too_large(tab: Tab, is_long: bool) -> None:
    faults = {}
    for path in PATHS:
        response = tab.page.goto(tab.address + path)
        assert response is not None
        size = len(response.body())
        found = [*tab.too_wide_at(ALL_WIDTHS if is_long else WIDTHS), *tab.complaints]
        is_found = response.status == 200
        faults[path] = [*found, *([f"{size} bytes"] if size > 120_000 else []), *([] if is_found else ["not found"])]
        tab.complaints.clear()

    assert not any(faults.values()), told(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_controls_can_be_hit(tab: Tab, scheme: str) -> None:
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = {}
    for path in PATHS:
        for width in (1440, 390):
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.go(path)
            faults[f"{path} {width}"] = [*tab.faults(), *tab.hard_to_use()]

    assert not any(faults.values()), told(faults)


def test_people_come_from_now_to_a_workflow_and_on_to_a_build(tab: Tab) -> None:
    tab.page.goto(f"{tab.address}/?still=1")
    tab.page.click("nav >> text=Projects")
    tab.page.click("table.places a:has-text('acme/shop-api')")
    tab.page.click("table.places a:has-text('build-and-test')")
    tab.page.click("table.grid td a >> nth=-1")

    assert "/builds/" in tab.page.url

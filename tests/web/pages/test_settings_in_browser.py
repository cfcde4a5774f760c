"""The page of changed settings in a real browser: at every width, in light and dark, with long and hostile names."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import WEB
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.chromium import ALL_WIDTHS, Loop, Tab, a_context, chromium, told
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def tab(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tab, str]]:
    """A browser at a service that has found changes, and the id of their event."""
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("settings")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(an_instance(folder, RED_TO_WEB)))
        event_id = loop.run(fill(instance))
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        browser = stack.enter_context(chromium())
        shown = Tab.open(stack.enter_context(a_context(browser)), address)
        shown.log_in()
        yield shown, event_id


async def fill(instance: Instance) -> str:
    await instance.finish(replace(RED, number=1))
    await instance.drain()
    await look(instance)
    fake = instance.pretend.settings
    fake.env_vars[WEB.slug] = [UNBROKEN, HOSTILE, WIDE, *(f"TOKEN_{number}" for number in range(60))]
    fake.checkout_keys[WEB.slug] = {"deploy-2": "deploy-key"}
    fake.contexts[HOSTILE] = [UNBROKEN]
    fake.switches["build_fork_prs"] = True
    instance.pretend.faults.next("*/schedule", broken(403), times=9)
    await look(instance)
    found = (await instance.http.get("/api/v1/events?event=settings-changed")).json()["items"]
    return next(str(one["id"]) for one in found if one["project"]["slug"])


async def look(instance: Instance) -> None:
    instance.clock.tick(days=1)
    await instance.service.pipeline.look_at_guards()
    await instance.drain()


def test_pages_fit_all_widths_and_axe_finds_nothing(tab: tuple[Tab, str]) -> None:
    shown, event_id = tab
    faults = {}
    for path in ("/settings", "/settings?of=gh/acme&since=7d", "/settings?of=nowhere", f"/builds/{event_id}?still=1"):
        shown.go(path)
        faults[f"{path} widths"] = [*shown.too_wide_at(ALL_WIDTHS), *shown.complaints]
        for scheme in ("light", "dark"):
            shown.page.emulate_media(color_scheme=scheme)
            for width in (1440, 390):
                shown.page.set_viewport_size({"width": width, "height": 900})
                faults[f"{path} {scheme} {width}"] = shown.faults()
        faults[f"{path} controls"] = shown.hard_to_use()
        shown.complaints.clear()

    assert not any(faults.values()), told(faults)


def test_older_changes_are_on_the_next_page(tab: tuple[Tab, str]) -> None:
    shown, _ = tab
    shown.go("/settings?of=gh/acme/web")
    assert shown.page.locator("table.of-settings tbody tr").count() == 50

    shown.page.get_by_role("link", name="Older changes").click()

    assert shown.page.locator("table.of-settings tbody tr").count() == 15
    assert shown.page.get_by_role("link", name="Older changes").count() == 0

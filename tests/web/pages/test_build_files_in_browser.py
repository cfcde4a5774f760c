"""What a build ran and left, and what CircleCI counts, in a real browser: at every width, in light and dark."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.pipeline.fetching.ask_insights import ask_insights
from service.testing.fake_circleci.insights_routes import flaky_row
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED, RED_TO_WEB, TOKEN, an_instance
from tests.support.chromium import ALL_WIDTHS, Loop, Tab, a_context, chromium, told
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def tab(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tab, str]]:
    """A browser at a service with one build, of which CircleCI tells long and hostile words."""
    loop, fake = Loop(), FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    fake.run_finished(RED)
    words = f"{UNBROKEN}\n{HOSTILE}\n{WIDE}"
    fake.build_files.configs[RED.pipeline_id] = {"source": words * 40, "compiled": f"key: {words}"}
    for job in RED.jobs:
        if job.number:
            fake.build_files.left[job.number] = [
                {"path": one, "node_index": 2, "url": f"https://output.example.com/{number}"}
                for number, one in enumerate((UNBROKEN, HOSTILE, WIDE))
            ]
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("files")
        shutil.copy(migrated, folder / "roundsman.db")
        ci = stack.enter_context(loop.within(serving(fake.app, listen("127.0.0.1", 0))))
        instance = stack.enter_context(loop.within(an_instance(folder, RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=ci)))
        event_id = loop.run(instance.finish(RED))
        loop.run(instance.drain())
        instance.pretend.insights.flaky = [
            flaky_row(RED, RED.jobs[0], test=one, times=3) for one in (UNBROKEN, HOSTILE)
        ]
        loop.run(ask_insights(instance.service.context))
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        browser = stack.enter_context(chromium())
        shown = Tab.open(stack.enter_context(a_context(browser)), address)
        shown.log_in()
        yield shown, event_id


def test_pages_fit_all_widths_and_axe_finds_nothing(tab: tuple[Tab, str]) -> None:
    shown, event_id = tab
    paths = (
        f"/builds/{event_id}/config",
        f"/builds/{event_id}/artifacts",
        f"/builds/{event_id}?still=1",
        "/projects/acme/web?still=1",
        f"/projects/acme/web/{RED.workflow}?still=1",
        "/tests?still=1",
    )
    faults = {}
    for scheme in ("light", "dark"):
        shown.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for path in paths:
            shown.page.set_viewport_size({"width": 1440, "height": 900})
            shown.go(path)
            faults[f"{path} {scheme}"] = [*shown.too_wide_at(ALL_WIDTHS), *shown.faults(), *shown.hard_to_use()]
            faults[f"{path} {scheme}"] += shown.complaints
            shown.complaints.clear()

    assert not any(faults.values()), told(faults)

"""The pages of acts at CircleCI in a real browser: at every width, light and dark, with long and hostile names."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from service.testing.fake_circleci.organization import ADA, PROJECTS, JobRun
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import GREEN, RED, TOKEN, Instance
from tests.support.browser_fixture import browser, tab
from tests.support.chromium import ALL_WIDTHS, WIDTHS, Loop, Tab, a_context, told
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE
from tests.support.operator_client import Operator
from tests.web.test_act_links import LINK, linking

__all__ = ["browser", "tab"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

NAMED = replace(RED, number=2000, workflow=UNBROKEN[:400], branch=HOSTILE)
HELD = replace(
    RED,
    number=2001,
    workflow=HOSTILE,
    branch=WIDE[:100],
    status="on_hold",
    jobs=(
        *(JobRun(name=words, status="on_hold", is_approval=True) for words in (UNBROKEN, HOSTILE, WIDE)),
        *(JobRun(name=words, number=number, status="running") for number, words in enumerate((UNBROKEN, HOSTILE), 1)),
    ),
)
FORM = {"project": "gh/acme/web", "branch": HOSTILE, "parameters": f"deploy=true\n{UNBROKEN}={WIDE}\ncount=3"}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service with builds to act on.

    fresh, used   links of messages
    pages         the addresses of all pages of acts, but for those that a form leads to
    """

    address: str
    instance: Instance
    fresh: tuple[str, ...]
    used: str
    pages: tuple[str, ...]


@pytest.fixture(scope="module")
def site(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    loop, fake = Loop(), FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    definitions = [{"id": str(uuid4()), "name": words, "description": words} for words in (UNBROKEN, HOSTILE, WIDE)]
    api = next(project for project in PROJECTS if project.slug != "gh/acme/web")
    fake.actions.definitions[api.id] = definitions
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("acts")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(linking(folder, fake=fake)))
        links, results = loop.run(fill(instance))
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        acts = [f"/builds/{NAMED.workflow_id}/act/{verb}" for verb in ("rerun", "rerun-failed", "cancel")]
        acts += [f"/builds/{HELD.workflow_id}/act/{verb}" for verb in ("approve", "cancel-job")]
        yield Site(
            address=address,
            instance=instance,
            fresh=tuple(links[1:]),
            used=links[0],
            pages=(
                *acts,
                f"/builds/{GREEN.workflow_id}/act/approve",
                f"/builds/{NAMED.workflow_id}?still=1",
                "/trigger",
                "/trigger?project=gh/acme/web&branch=main",
                f"/trigger?project={api.slug}",
                f"/trigger?project=gh/acme/{'unknown' * 30}",
                *results,
                links[0],
                links[1],
                f"{links[1]}x",
            ),
        )


@pytest.fixture
def address(site: Site) -> str:
    return site.address


async def fill(instance: Instance) -> tuple[list[str], list[str]]:
    """End builds, use the first link, and start a pipeline and none; return links and pages of results."""
    for number, run in enumerate((RED, NAMED, *(replace(NAMED, number=2010 + more) for more in range(2)))):
        await instance.finish(run)
        await instance.drain(seconds=number)
    await instance.finish(GREEN)
    await instance.drain()
    instance.pretend.run_finished(HELD)
    links = [LINK.findall(message.text)[0] for _, message in instance.channels.took if "/link/" in message.text]
    await instance.http.post(links[0])
    instance.http.auth = Operator()
    await instance.http.get("/builds")
    results = []
    for skips in (None, HOSTILE):
        instance.pretend.actions.skips = skips
        done = await instance.http.post("/trigger", data={**FORM, "once": str(uuid4())})
        results.append(done.headers["location"])
    instance.pretend.actions.skips = None
    return links, results


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_acts_fit_all_widths_and_axe_finds_nothing(tab: Tab, site: Site, scheme: str) -> None:
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    faults = {}
    for path in site.pages:
        tab.go(path)
        faults[path] = tab.too_wide_at(ALL_WIDTHS if scheme == "light" else WIDTHS)
        for width in (1440, 390):
            tab.page.set_viewport_size({"width": width, "height": 900})
            faults[path] += [*tab.faults(), *tab.hard_to_use()]
        faults[path] += tab.complaints
        tab.complaints.clear()

    assert not any(faults.values()), told(faults)


def test_pipeline_is_started_by_the_form_and_a_question(tab: Tab, site: Site) -> None:
    faults = {}
    tab.go("/projects/acme/web")
    tab.page.click("text=Start a pipeline")
    tab.page.fill("input[name=branch]", FORM["branch"])
    tab.page.fill("textarea", FORM["parameters"])
    tab.page.click("text=Go on")
    faults["question"] = [*tab.too_wide_at(ALL_WIDTHS), *tab.faults(), *tab.hard_to_use()]
    tab.page.click("text=Change something")
    assert tab.page.input_value("textarea") == FORM["parameters"]
    tab.page.click("text=Go on")
    tab.page.click("text=Start it at CircleCI")
    faults["result"] = [*tab.too_wide_at(ALL_WIDTHS), *tab.faults(), *tab.hard_to_use()]

    assert tab.page.text_content("h1") == "CircleCI took it"
    assert not any(faults.values()), told(faults)


def test_one_job_is_canceled_from_the_page_of_the_build(tab: Tab, site: Site) -> None:
    running = replace(HELD, number=2030, status="running", workflow="build")
    site.instance.pretend.run_finished(running)

    tab.go(f"/builds/{running.workflow_id}/act/cancel-job")
    tab.page.check(f"input[value^='{UNBROKEN[:100]}']")
    tab.page.click("button:has-text('Cancel job')")

    assert site.instance.pretend.calls[-2].path.endswith("/cancel")


@pytest.mark.parametrize("has_script", [True, False])
def test_link_of_a_message_acts_and_its_token_is_in_no_referrer(browser: Browser, site: Site, has_script: bool) -> None:
    link = site.fresh[1 + has_script]
    with a_context(browser, java_script_enabled=has_script) as context:
        tab, referrers = Tab.open(context, site.address), []
        tab.page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))
        tab.page.goto(site.address + link)
        asked = tab.page.text_content("h1")
        tab.page.click("button")
        done = tab.page.text_content("h1")
        tab.page.reload()
        tab.page.click("text=The page of the build")

        assert (asked, done) == ("Rerun from failed?", "CircleCI took it")
        assert "/login" in tab.page.url
    assert len(referrers) > 4
    assert [one for one in referrers if "/link/" in one] == []

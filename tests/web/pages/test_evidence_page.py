"""The evidence on a build's page, in a real browser: with long and hostile words, at each width, and it leads on."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from service.testing.sample_runs import HOSTILE_SUBJECT, VOUCHERS, suite
from service.web.server.server import listen, serving
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, an_instance
from tests.support.chromium import Loop, Tab, a_context, chromium

WIDTHS = (320, 641, 1100)
HOSTILE_TEST = replace(VOUCHERS[0], name=f"test_{'long_' * 60}{HOSTILE_SUBJECT}")


@dataclass(frozen=True, kw_only=True)
class Build:
    """A page of a build with evidence, and the event before it."""

    tab: Tab
    event: str
    before: str


def run(number: int, status: str = "failed", *, attempt: int = 1) -> Run:
    base = RED if status == "failed" else GREEN
    jobs = tuple(replace(job, tests=suite(HOSTILE_TEST, of=214)) if job.tests else job for job in RED.jobs)
    return replace(
        base,
        number=number,
        status=status,
        attempt=attempt,
        branch="release/" + "x" * 200,
        jobs=jobs if status == "failed" else base.jobs,
        pushed_at=RED.pushed_at + timedelta(minutes=10 * (number - 900) + attempt),
    )


@pytest.fixture(scope="module")
def build(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    loop, folder = Loop(), tmp_path_factory.mktemp("evidence")
    shutil.copy(migrated, folder / "roundsman.db")
    with ExitStack() as stack:
        stack.callback(loop.close)
        instance = stack.enter_context(loop.within(an_instance(folder, RED_TO_WEB)))
        instance.clock.tick(hours=12)
        greens = [run(number, "success") for number in range(880, 892)]
        ids = []
        for one in (*greens, run(901), run(901, "success", attempt=2), run(910)):
            ids.append(loop.run(instance.finish(one)))
            loop.run(instance.drain())
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        context = stack.enter_context(a_context(stack.enter_context(chromium())))
        tab = Tab.open(context, address)
        tab.log_in()
        yield Build(tab=tab, event=ids[-1], before=ids[-2])


@pytest.mark.long
def test_each_claim_lists_its_runs_and_they_lead_on(build: Build) -> None:
    build.tab.go(f"/builds/{build.event}")

    section = build.tab.page.locator("section[aria-labelledby=evidence]")
    claims = section.locator("summary").all_inner_texts()
    assert [claim.rpartition(": ")[2] for claim in claims if "flaky" in claim] == [
        "1 of its last 2 fails was contradicted at the same commit"
    ]
    assert any("usually 5 min 42 s: the median of 13 green runs" in claim for claim in claims)
    assert "and 3 more" in section.inner_text()
    before = section.locator(f"a[href='/builds/{build.before}']").first
    assert before.text_content() == "build-and-test #901, rerun 1"
    row = before.locator("xpath=..")
    assert str(row.locator("a[rel=noreferrer]").get_attribute("href")).startswith("https://app.circleci.com/")
    before.click()
    assert build.tab.page.url.endswith(f"/builds/{build.before}")
    assert build.tab.complaints == []


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_evidence_fits_and_is_easy_to_use(build: Build, scheme: str) -> None:
    build.tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    build.tab.go(f"/builds/{build.event}")

    assert build.tab.too_wide_at(WIDTHS) == []
    assert build.tab.faults() == []
    assert [one for one in build.tab.hard_to_use() if "/builds/" in one or "<summary" in one] == []

"""The page of a build: its story first, then what failed, its neighbors, and the record."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.model import DetailKind, Details, JobReport, TestFailure
from service.operations.builds.build_story import group_failures
from service.store.events import events
from service.testing.fake_circleci.organization import Run
from service.testing.sample_runs import VOUCHERS, suite
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import Operator
from tests.support.pages_fixture import text


def run(number: int, status: str = "failed", *, attempt: int = 1) -> Run:
    base, tests = (RED if status == "failed" else GREEN), suite(*VOUCHERS, of=214)
    jobs = tuple(replace(job, tests=tests if job.tests else ()) for job in base.jobs)
    pushed_at = RED.pushed_at + timedelta(minutes=10 * (number - 900) + attempt)
    return replace(base, number=number, status=status, attempt=attempt, jobs=jobs, pushed_at=pushed_at)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as opened:
        opened.clock.tick(hours=12)
        opened.http.auth = Operator()
        yield opened


async def finish(instance: Instance, *runs: Run) -> list[str]:
    ids = []
    for one in runs:
        ids.append(await instance.finish(one))
        await instance.drain()
    return ids


@pytest.mark.long
async def test_the_heading_says_what_a_run_did_and_its_neighbors_are_linked(instance: Instance) -> None:
    greens = [run(number, "success") for number in range(890, 900)]
    *_, green, broke, again, fixed = await finish(instance, *greens, run(901), run(902), run(903, "success"))

    pages = [(await instance.http.get(f"/builds/{one}")).text for one in (green, broke, again, fixed)]

    headings = [page.partition("<h1>")[2].partition("</h1>")[0] for page in pages]
    words = ["passed", "broke", "still red, 2 in a row", "fixed"]
    assert [word for word, heading in zip(words, headings, strict=True) if word in heading] == words
    assert ["Previous:" in page and "Next:" in page for page in pages] == [True, True, True, False]
    assert "green for" in pages[1]
    assert "usually" in pages[1]
    assert "The run that ended it" in pages[1]


@pytest.mark.long
async def test_a_rerun_and_its_first_run_stand_together(instance: Instance) -> None:
    first, second = await finish(instance, run(901), run(901, "success", attempt=2))

    pages = [(await instance.http.get(f"/builds/{one}")).text for one in (first, second)]

    for page in pages:
        assert "Pipeline 901</h2>" in page
        assert page.count("this run") == 1
        assert ", run 2" in page


@pytest.mark.long
async def test_the_last_runs_with_the_same_failure_are_named(instance: Instance) -> None:
    first, second = await finish(instance, run(901), run(910))

    before, after = [(await instance.http.get(f"/builds/{one}")).text for one in (first, second)]

    assert "Seen before" not in before
    assert "The last runs with a failure of the same text." in after


async def test_jobs_have_bars_in_time_and_failed_ones_come_first(instance: Instance) -> None:
    [build] = await finish(instance, run(901))

    page = (await instance.http.get(f"/builds/{build}")).text

    assert page.index("Jobs that failed") < page.index("Other jobs")
    assert '<rect x="' in page
    assert "style=" not in page


@pytest.mark.long
async def test_a_job_says_which_jobs_it_waited_for(instance: Instance) -> None:
    [build] = await finish(instance, run(901))

    page = (await instance.http.get(f"/builds/{build}")).text
    twin: Any = (await instance.http.get(f"/builds/{build}.json")).json()

    found = dict(re.findall(r"<bdi>([^<]*)</bdi>(?:</a>)? <span class=\"line\">after <bdi>([^<]*)</bdi></span>", page))
    names = [job.name for job in RED.jobs]
    assert found == dict(zip(names[1:], names, strict=False))
    jobs = twin["story"]["jobs"]
    assert {job["name"]: job["needs"] for job in jobs} == {names[0]: []} | {
        after: [before] for before, after in pairwise(names)
    }


@pytest.mark.long
async def test_the_jobs_that_one_waited_for_are_counted_from_the_fifth_on(instance: Instance) -> None:
    waiting = JobReport(name="deploy", status="failed", needs=("<b>", *(f"shard {n}" for n in range(5))))
    [build] = await finish(instance, run(901))
    details = Details(wanted=frozenset({DetailKind.JOBS}), jobs=(waiting,), rounds=1, asked_at=instance.clock())
    await instance.service.context.store.write(events.put_details, {UUID(build): details})

    page = (await instance.http.get(f"/builds/{build}")).text

    shards = ", ".join(f"<bdi>shard {n}</bdi>" for n in range(3))
    assert f'<span class="line">after <bdi>&lt;b&gt;</bdi>, {shards} and 2 more</span>' in page


def test_failures_with_one_text_are_one() -> None:
    def failed(name: str, message: str | None) -> TestFailure:
        return TestFailure(name=name, file="t.py", message=message)

    alike = [failed(f"t{n}", f"no reservation within 5 s: 0x7f3a91c2e{n}00") for n in range(3)]
    groups = group_failures([*alike, failed("other", "assert 1"), failed("dumb", None), failed("mute", None)])

    assert [len(group["tests"]) for group in groups] == [3, 1, 1, 1]


@pytest.mark.long
async def test_a_build_and_its_beginning_lead_to_one_page(instance: Instance) -> None:
    [build] = await finish(instance, run(901))
    workflow = instance.rows("SELECT workflow_id FROM events")[0][0]

    by_run = await instance.http.get(f"/builds/{workflow}")

    assert text(by_run) == text(await instance.http.get(f"/builds/{build}"))

"""Builds: their addresses, the search in one field, and the posts of a run as one line."""

import re
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest

from service.model import Actor, Commit, Details, JobReport, Pipeline, Workflow
from service.pipeline.judgment.judge_runs import judge_runs
from tests.support.pages_fixture import Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("/?branch=main&status=failed%2Cerror", "/builds?branch=main&status=failed%2Cerror"),
        (f"/events/{UUID(int=1)}", f"/builds/{UUID(int=1)}"),
        (f"/events/{UUID(int=1)}?still=1", f"/builds/{UUID(int=1)}?still=1"),
    ],
)
async def test_addresses_of_earlier_releases_lead_to_the_pages(
    browser: httpx.AsyncClient, before: str, now: str
) -> None:
    answer = await browser.get(before, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, now)


async def test_a_build_is_found_by_the_id_of_its_workflow_at_circleci(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build(workflow=Workflow(id=str(UUID(int=77)), name="of-this-id"))
    await instance.store.write(judge_runs, [event])

    assert text(await browser.get(f"/builds/{UUID(int=77)}")) == text(await browser.get(f"/builds/{event.id}"))


async def test_one_field_takes_every_filter(instance: Instance, browser: httpx.AsyncClient) -> None:
    await instance.build(commit=Commit(subject="Fix vouchers", author_name="Ada Example"))
    await instance.build(commit=Commit(subject="Ship vouchers", author_name="Grace Example"), actor=Actor())
    await instance.build(
        commit=Commit(subject="Other vouchers", author_name="Ada Example"), branch="topic", actor=Actor()
    )

    found = text(await browser.get("/builds", params={"q": "Branch:MAIN by:ada project:acme/* since:7d vouchers"}))
    wrong = await browser.get("/builds", params={"q": "stauts:failed"})
    nobody = text(await browser.get("/builds", params={"q": "by:turing"}))

    assert [one for one in ("Fix vouchers", "Ship vouchers", "Other vouchers") if one in found] == ["Fix vouchers"]
    assert wrong.status_code == 400
    assert "'stauts:' is not something to search by; did you mean status:?" in text(wrong)
    assert "No build fits these filters." in nobody


async def test_the_posts_of_one_run_are_one_line(instance: Instance, browser: httpx.AsyncClient) -> None:
    same = Workflow(id=str(UUID(int=78)), name="canceled-once", status="canceled")
    posts = [await instance.build(workflow=same, status="canceled") for _ in range(3)]
    await instance.store.write(judge_runs, posts)

    page = await browser.get("/builds")

    assert text(page).count("canceled-once") == 1
    assert "3 posts" in text(page)


async def test_reruns_stand_below_the_newest_run_of_their_pipeline(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    runs = [await instance.build(workflow=Workflow(id=str(uuid4()), name="build-and-test")) for _ in range(2)]
    between = await instance.build(
        workflow=Workflow(id=str(uuid4()), name="deploy"), pipeline=Pipeline(id="p2", number=9)
    )
    first = await instance.build(workflow=Workflow(id=str(uuid4()), name="build-and-test"))
    for event in (first, *reversed(runs)):
        await instance.store.write(judge_runs, [event])

    page = (await browser.get("/builds")).text
    rows = re.findall(r'<tr id="r-([0-9a-f-]{36})"( class="nested")?>', page)

    assert rows == [
        (str(runs[0].id), ""),
        *((str(one.id), ' class="nested"') for one in (runs[1], first)),
        (str(between.id), ""),
    ]


async def test_jobs_of_a_run_are_shown_on_demand(instance: Instance, browser: httpx.AsyncClient) -> None:
    event, other = await instance.build(), await instance.build()
    jobs = (JobReport(name="lint <b>", status="success"), JobReport(name="unit", status="failed", duration_ms=61_000))
    await instance.learn(event, Details(jobs=jobs))

    folded = await browser.get("/builds?branch=main")
    unfolded = await browser.get("/builds", params={"branch": "main", "jobs": str(event.id)})
    unknown = await browser.get("/builds", params={"jobs": str(other.id)})
    wrong = await browser.get("/builds", params={"jobs": "x"})

    assert f'href="/builds?branch=main&amp;jobs={event.id}#r-{event.id}"' in folded.text
    assert "unit" not in text(folded)
    assert "✓ success lint <b> ✕ failed unit 1 min 01 s" in text(unfolded)
    assert f'href="/builds?branch=main#r-{event.id}"' in unfolded.text
    assert "Its jobs are not known" in text(unknown)
    assert (wrong.status_code, "'x' is not an id" in text(wrong)) == (400, True)


async def test_builds_are_found_by_what_they_did_to_their_branch(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    ids = [UUID(int=80 + number) for number in range(3)]
    red, still, odd = (Workflow(id=str(one), name=f"w-{number}") for number, one in enumerate(ids))
    for workflow in (replace(still, name="w-0"), red):
        await instance.store.write(judge_runs, [await instance.build(workflow=workflow)])
    await instance.build(workflow=replace(odd, id="no uuid"))

    broke = await browser.get("/builds", params={"q": "transition:broke"})
    wrong = await browser.get("/builds", params={"transition": "bork"})

    assert f"/builds/{instance.deliveries[1].id}" in broke.text
    assert f"/builds/{instance.deliveries[2].id}" not in broke.text
    assert "'bork' is not a transition; there are broke" in text(wrong)

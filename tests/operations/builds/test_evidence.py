"""The evidence of claims: each names the runs that it rests on, over the API, as a command and on the page."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.organization import ADA, GRACE, LINH, Run
from service.testing.sample_runs import VOUCHERS, suite
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.cli_runner import Terminal

pytestmark = pytest.mark.databases("sqlite", "postgres")

FIRST = VOUCHERS[0].name


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        instance.clock.tick(hours=12)
        yield instance


def run(number: int, status: str = "failed", *, attempt: int = 1, branch: str = "main") -> Run:
    """Return a run with one failed test; later attempts are reruns."""
    base = RED if status == "failed" else GREEN
    jobs = tuple(replace(job, tests=suite(VOUCHERS[0], of=214)) if job.tests else job for job in base.jobs)
    return replace(
        base,
        number=number,
        status=status,
        attempt=attempt,
        branch=branch,
        author={901: ADA, 902: GRACE}.get(number, LINH) if branch == "main" else ADA,
        jobs=jobs if status == "failed" else base.jobs,
        pushed_at=RED.pushed_at + timedelta(minutes=10 * (number - 900) + attempt),
    )


async def evidence(instance: Instance, *posted: Run) -> dict[str, Any]:
    """Post runs one by one; return the claims on the last one: words, test and runs."""
    event_id = ""
    for one in posted:
        event_id = await instance.finish(one)
        await instance.drain()
    shown = (await instance.show(event_id))["evidence"]
    return {claim["claim"]: claim for claim in shown}


def runs_of(claim: Any) -> list[tuple[str, int]]:
    return [(one["result"], one["pipeline"]) for one in claim["runs"]]


async def test_new_failure_rests_on_the_pass_before(instance: Instance) -> None:
    found = await evidence(instance, run(900, "success"), run(901))

    assert found["new"]["test"] == FIRST
    assert found["new"]["words"] == "new: it passed at the last run before this one"
    assert runs_of(found["new"]) == [("passed", 900)]


@pytest.mark.long
async def test_failure_that_lasts_rests_on_its_fails_and_the_pass_before(instance: Instance) -> None:
    found = await evidence(instance, run(900, "success"), run(901), run(902), run(903))

    assert found["failing_since"]["words"].startswith("failing since ")
    assert found["failing_since"]["words"].endswith(", in 3 runs")
    assert runs_of(found["failing_since"]) == [("failed", 902), ("failed", 901), ("passed", 900)]


@pytest.mark.long
async def test_likely_flake_rests_on_both_results_of_each_revision(instance: Instance) -> None:
    flakes = [one for number in (901, 903) for one in (run(number), run(number, "success", attempt=2))]

    found = await evidence(instance, *flakes, run(910))

    claim = found["likely_flaky"]
    assert claim["words"] == "likely flaky: 2 of its last 3 fails were contradicted at the same commit"
    assert runs_of(claim) == [("passed", 903), ("failed", 903), ("passed", 901), ("failed", 901)]
    assert len({one["revision"] for one in claim["runs"]}) == 2
    assert all(one["url"].startswith("https://app.circleci.com/") for one in claim["runs"])


@pytest.mark.long
async def test_culprits_rest_on_the_runs_from_the_last_green_one(instance: Instance) -> None:
    canceled = replace(run(901), status="canceled")

    found = await evidence(instance, run(900, "success"), canceled, run(902), run(903))

    assert found["culprits"]["words"] == "changed since the last green run by Ada Example, Grace Example"
    assert runs_of(found["culprits"]) == [("red", 902), ("grey", 901), ("green", 900)]
    assert runs_of(found["green_before"]) == [("green", 900)]


@pytest.mark.long
async def test_failure_of_main_is_evidence_also_after_main_is_green(instance: Instance) -> None:
    await evidence(instance, run(901))
    found = await evidence(instance, run(902, branch="feature"))
    event_id = await instance.finish(run(903, "success"))
    await instance.drain()

    assert runs_of(found["red_elsewhere"]) == [("failed", 901)]
    assert (await instance.show(event_id))["evidence"] == []
    [feature] = (await instance.http.get("/api/v1/events?branch=feature")).json()["items"]
    later = {one["claim"]: one for one in (await instance.show(feature["id"]))["evidence"]}
    assert later["red_elsewhere"] == found["red_elsewhere"]


@pytest.mark.long
async def test_usual_duration_rests_on_the_green_runs(instance: Instance) -> None:
    found = await evidence(instance, *(run(number, "success") for number in range(880, 892)), run(901))

    claim = found["usual_duration"]
    assert claim["words"] == "usually 5 min 42 s: the median of 12 green runs"
    assert (runs_of(claim)[0], len(claim["runs"]), claim["more"]) == (("5 min 42 s", 891), 10, 2)


async def test_a_first_run_claims_nothing_of_others(instance: Instance) -> None:
    found = await evidence(instance, run(901))

    assert set(found) == {"culprits"}
    assert found["culprits"]["words"] == "no green run is on record; changed by Ada Example"


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_command_shows_the_runs_with_each_claim(instance: Instance, terminal: Terminal) -> None:
    found = await evidence(instance, run(900, "success"), run(901))
    [event] = (await instance.http.get("/api/v1/events?status=failed")).json()["items"]
    terminal.configure(RED_TO_WEB)

    said = await asyncio.to_thread(terminal.run, "explain", event["id"])
    as_json = await asyncio.to_thread(terminal.run, "explain", event["id"], "--json")

    assert f"evidence, {FIRST}: new: it passed at the last run before this one" in said.lines
    before = found["new"]["runs"][0]
    name, commit = "build-and-test #900", before["revision"][:7]
    assert before["name"] == name
    place = said.lines.index(
        f"  passed: {name}, main at {commit}, 2026-03-02 09:13:42 UTC, event {before['event'][:8]}"
    )
    assert said.lines[place + 1] == f"    {before['url']}"
    own = said.lines.index(f"  {event['workflow']['url']}")
    assert said.lines[own - 1].startswith(f"  pipeline 901, at {event['revision'][:7]}, 2026-03-02 09:")
    assert as_json.json["workflow"]["url"] == event["workflow"]["url"]
    assert as_json.json["evidence"] == list(found.values())


@pytest.mark.long
async def test_a_rerun_is_named_as_one(instance: Instance) -> None:
    found = await evidence(instance, run(901), run(901, "success", attempt=2), run(910))

    names = [one["name"] for one in found["likely_flaky"]["runs"]] if "likely_flaky" in found else []
    assert [one["name"] for one in found["new"]["runs"]] == ["build-and-test #901, rerun 1"]
    assert names in ([], ["build-and-test #901, rerun 1", "build-and-test #901"])

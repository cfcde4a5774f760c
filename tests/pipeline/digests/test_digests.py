"""Digests: what broke and was fixed, what is red, at set times, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.pipeline.digests.digests import collect
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import GREEN, RED, Clock, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

SUNDAY = datetime(2026, 3, 8, 10, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)  # 9:00 in Oslo
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  leads: {channels: [json://leads.example.com]}
routes:
  - {match: {branch: main, status: failed}, receiver: web}
digests:
  - {name: monday, cron: "0 9 * * mon", timezone: Europe/Oslo, match: {project: gh/acme/*}, receiver: leads%s}
"""


def run(number: int, status: str, at: datetime, **changes: Any) -> Run:
    return replace(RED, number=1500 + number, status=status, pushed_at=at, **changes)


async def finish(instance: Instance, *runs: Run) -> None:
    for one in runs:
        instance.clock.now = max(instance.clock.now, one.pushed_at + timedelta(minutes=20))
        await instance.finish(one)
    await instance.drain(minutes=3)


async def digest(instance: Instance, at: datetime = MONDAY) -> list[str]:
    """Come to a time; the texts of the digests that are sent then, with their titles."""
    instance.clock.now = at
    await instance.service.pipeline.plan_digests()
    before = len(instance.channels.took)
    await instance.drain()
    told = instance.channels.took[before:]
    return [f"{message.title}\n{message.text}" for label, message in told if label == "leads (json)"]


@pytest.mark.long
async def test_a_digest_tells_of_its_week_once(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY - timedelta(days=9))) as instance:
        await finish(instance, run(0, "success", SUNDAY - timedelta(days=9)))
        await finish(
            instance,
            run(1, "failed", SUNDAY),
            run(2, "success", SUNDAY + timedelta(hours=1)),
            run(3, "canceled", SUNDAY + timedelta(hours=2)),
            run(4, "failed", SUNDAY + timedelta(hours=3), workflow="nightly"),
            run(5, "failed", SUNDAY + timedelta(hours=4), branch="feature"),
        )
        assert await digest(instance, MONDAY - timedelta(minutes=1)) == []
        [text] = await digest(instance)

        assert text.startswith("Digest monday: 2 red now\n25 % of 4 runs were green, 100 % the time before.")
        assert "Red now: 2" in text
        assert "acme/web main: nightly, since Sun 08 Mar 14:" in text
        assert "1 run), not taken" in text
        assert "3 breaks, 1 fix." in text
        assert "Broke: " not in text
        assert "Fixed: 1" in text
        assert "acme/web main: build-and-test after " in text
        assert await digest(instance, MONDAY + timedelta(minutes=1)) == []
        assert [
            one["news"] for one in (await instance.http.get("/api/v1/notifications?receiver=leads")).json()["items"]
        ] == ["digest"]


@pytest.mark.long
async def test_an_empty_digest_is_skipped_if_so_chosen(folder: Path) -> None:
    async with an_instance(folder, ROUTES % ", skip_empty: true", clock=Clock(now=SUNDAY)) as instance:
        await finish(instance, run(1, "success", SUNDAY))
        assert await digest(instance) == []
        [skipped] = (await instance.http.get("/api/v1/notifications?receiver=leads")).json()["items"]
        assert (skipped["state"], skipped["reason"]) == ("dropped", "nothing was red, so that it was skipped")

        await finish(instance, run(2, "failed", MONDAY + timedelta(days=1)))
        assert len(await digest(instance, MONDAY + timedelta(days=7))) == 1


async def test_without_that_choice_an_empty_one_is_sent(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        [text] = await digest(instance)

    assert text.startswith("Digest monday: 0 red now\nNo run was green or red.")


async def test_one_that_is_hours_late_is_sent_and_one_of_yesterday_is_not(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        assert len(await digest(instance, MONDAY + timedelta(hours=5))) == 1
        assert await digest(instance, MONDAY + timedelta(days=8)) == []


@pytest.mark.long
async def test_reruns_that_turned_green_more_than_once_are_named_with_the_flaky_tests(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        for number in (1, 2):
            at = SUNDAY + timedelta(hours=number)
            again = {"attempt": 2, "waited_s": 1800}
            await finish(instance, run(number, "failed", at), run(number, "success", at, **again))
        await finish(instance, run(3, "canceled", SUNDAY + timedelta(hours=3)))
        [text] = await digest(instance)

    assert "50 % of 4 runs were green. 1 more was canceled or did not run: these count as neither." in text
    assert "Green after a rerun of the same commit, more than once: 1" in text
    assert "acme/web main: build-and-test, 2 of 4 runs, the last failure: https://" in text
    assert "2 breaks, 2 fixes, half of them within " in text
    assert "Fixed: " not in text
    assert "Flaky tests:" in text
    assert "failed in 2 of 4 runs (50 %), 2 of its last 2 fails were contradicted at the same commit" in text


async def test_a_test_that_flaked_only_once_is_left_out_of_the_flaky_ones(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        again = {"attempt": 2, "waited_s": 1800}
        await finish(instance, run(1, "failed", SUNDAY), run(1, "success", SUNDAY, **again))
        [text] = await digest(instance)

    assert "by a rerun of the same commit" in text
    assert "Flaky tests" not in text


@pytest.mark.long
async def test_flaky_tests_of_other_projects_and_other_weeks_are_left_out(folder: Path) -> None:
    routes = ROUTES.replace("match: {project: gh/acme/*}", "match: {project: gh/acme/docs}") % ""
    async with an_instance(folder, routes, clock=Clock(now=SUNDAY)) as instance:
        for number in (1, 2):
            at = SUNDAY + timedelta(hours=number)
            again = {"attempt": 2, "waited_s": 1800}
            await finish(instance, run(number, "failed", at), run(number, "success", at, **again))
        [text] = await digest(instance)

    assert "Flaky" not in text
    assert "No run was green or red." in text


async def test_who_has_it_until_when_and_that_it_is_muted_stand_with_what_is_red(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        await finish(instance, run(1, "failed", SUNDAY))
        [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
        at = f"/api/v1/incidents/{incident['id']}"
        until = {"until": "2026-03-08T12:00:00Z"}
        assert (await instance.http.post(f"{at}/take", json={"by": "Linh"} | until)).status_code == 200
        assert (await instance.http.post(f"{at}/mute", json={})).status_code == 200
        [text] = await digest(instance)

    assert ", Linh had it until Sun 08 Mar 13:00, muted" in text


@pytest.mark.long
async def test_times_name_their_zone(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        await finish(instance, run(1, "failed", SUNDAY))
        [text] = await digest(instance)

    assert "Times are in Europe/Oslo.\nRed now: 1\n" in text.replace("\n\n", "\n")


def by_turns(branch: str) -> list[Run]:
    """Return runs of a branch that fail by turns, each of another commit."""
    begin = SUNDAY - timedelta(days=5)
    bases = (GREEN, RED)
    return [
        replace(bases[number % 2], number=1500 + number, branch=branch, pushed_at=begin + timedelta(hours=6 * number))
        for number in range(12)
    ]


@pytest.mark.long
@pytest.mark.parametrize(("default", "is_listed"), [("trunk", True), ("develop", False)])
async def test_tests_flip_on_the_default_branch_that_the_project_has(
    folder: Path, default: str, is_listed: bool
) -> None:
    routes = ROUTES % "" + f"projects:\n  gh/acme/web: {{default_branch: {default}}}\n"
    async with an_instance(
        folder, routes.replace("branch: main", "branch: trunk"), clock=Clock(now=SUNDAY - timedelta(days=6))
    ) as instance:
        await finish(instance, *by_turns("trunk"))
        [text] = await digest(instance)

    assert ("of its runs on the default branch failed after a pass" in text) is is_listed


async def test_tests_and_branches_that_are_not_looked_at_are_counted(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "", clock=Clock(now=SUNDAY)) as instance:
        await finish(instance, run(1, "failed", SUNDAY), run(2, "failed", SUNDAY, branch="feature"))
        await instance.drain(minutes=5)
        context = instance.service.context
        [one] = context.digests
        week = (SUNDAY - timedelta(days=1), SUNDAY + timedelta(days=1))
        facts = await context.store.read(collect, one, *week, limit=1)

    assert (len(facts.red_now), facts.reds_left_out) == (1, 1)
    assert facts.tests_left_out > 0

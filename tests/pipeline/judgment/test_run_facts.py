"""Routes for flaky, known, new, slow and waiting runs, and for classes and pull requests: real runs, real databases."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.faults import broken
from tests.support.app_fixture import GREEN, Instance, an_instance
from tests.support.flaky_runs import flaky_history, post, run, settle, verdicts

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  quiet: {channels: [json://quiet.example.com]}
  team: {channels: [json://team.example.com]}
routes:
  - {name: special, match: {branch: [main, feature], MATCH}, receiver: quiet}
  - {name: breaks, match: {branch: [main, feature]}, receiver: team}
"""
QUIET, TEAM = "quiet (json)", "team (json)"


def instance_for(folder: Path, match: str) -> AbstractAsyncContextManager[Instance]:
    """An instance whose first route has a match, and whose second hears what is left."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Instance]:
        async with an_instance(folder, ROUTES.replace("MATCH", match)) as instance:
            instance.clock.tick(hours=12)
            yield instance

    return opened()


# flaky


@pytest.mark.long
async def test_a_flake_goes_to_its_route_and_so_does_its_end(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901, 902, 903))
        instance.channels.took.clear()

        red = await post(instance, run(910))
        assert instance.channels.told == [QUIET]
        assert (await verdicts(instance, red))["special"] == (
            "matched",
            "branch main matches main; flaky true matches true",
        )
        green = await post(instance, run(911, "success"))

        assert instance.channels.told == [QUIET, QUIET]
        assert (await verdicts(instance, green))["special"][0] == "matched"


@pytest.mark.long
async def test_a_break_passes_by_the_route_for_flakes_and_so_does_its_end(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        red = await post(instance, run(900, "success"), run(901))
        green = await post(instance, run(902, "success"))

        assert instance.channels.told == [TEAM, TEAM]
        assert (await verdicts(instance, red))["special"] == (
            "not_matched",
            "flaky false is not true",
        )
        assert (await verdicts(instance, green))["special"][1] == "flaky false is not true"


@pytest.mark.long
async def test_a_break_beside_a_flake_is_no_flake(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901, 902, 903))
        instance.channels.took.clear()

        await post(instance, run(910, failed=2))

        assert instance.channels.told == [TEAM]


@pytest.mark.long
async def test_a_rerun_that_shows_the_flake_ends_the_break_where_it_was_told(folder: Path) -> None:
    """By then the test is known to be flaky, and the team was told of a break."""
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901))

        assert instance.channels.told == [TEAM, TEAM]


@pytest.mark.long
async def test_a_flake_that_stays_red_is_told_as_a_break(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901, 902, 903))
        instance.channels.took.clear()

        await post(instance, run(910), run(911), run(912))

        assert instance.channels.told == [QUIET, TEAM]


@pytest.mark.long
async def test_without_answers_until_the_deadline_a_red_run_is_no_flake(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901, 902, 903))
        instance.channels.took.clear()
        instance.pretend.faults.next("/workflow/*", broken(503), times=1_000)

        event_id = await instance.finish(run(910))
        await instance.drain()
        assert instance.channels.told == []  # it waits for the tests
        await instance.drain(minutes=3)

        assert instance.channels.told == [TEAM]
        verdict, reason = (await verdicts(instance, event_id))["special"]
        assert verdict == "not_matched"
        assert reason.startswith("flaky false (not known) is not true (it could not be asked: ")


@pytest.mark.long
async def test_details_that_come_late_change_no_decision_and_the_end_follows_it(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        await post(instance, *flaky_history(901, 902, 903))
        instance.channels.took.clear()
        instance.pretend.faults.next("/workflow/*", broken(503), times=12)
        event_id = await instance.finish(run(910))
        await instance.drain()
        await instance.drain(minutes=3)
        before = await verdicts(instance, event_id)
        await instance.drain(hours=2)

        await post(instance, run(911, "success"))

        assert await verdicts(instance, event_id) == before
        assert instance.channels.told == [TEAM, TEAM]


async def test_a_run_is_asked_about_only_where_a_route_for_flakes_could_win(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        event_id = await instance.finish(run(901, branch="release/1"))
        await instance.drain()

        assert instance.fetches() == ["tests"] or instance.fetches() == []
        assert (await verdicts(instance, event_id))["special"][0] == "not_matched"
        assert instance.rows("SELECT notes FROM decisions") == [(None,)]


@pytest.mark.long
async def test_a_replay_has_a_judgment_of_its_own_and_leaves_the_first(folder: Path) -> None:
    async with instance_for(folder, "flaky: true") as instance:
        event_id = await post(instance, *flaky_history(901, 902, 903), run(910))
        before = (await instance.show(event_id))["decisions"]
        await instance.act(f"deliveries/{event_id}/replay")
        await settle(instance)

        after = (await instance.show(event_id))["decisions"]

        assert [one for one in after if one["round"] == 1] == before
        [replayed] = [one for one in after if (one["round"], one["route"]) == (2, "special")]
        assert replayed["verdict"] == "already_told"
        assert replayed["reason"].startswith("branch main matches main; flaky true matches true; quiet (json)")
        assert {one["verdict_today"] for one in after} == {None}


# known_problem


async def add_problem(instance: Instance, pattern: str) -> str:
    response = await instance.http.post(
        "/api/v1/known-problems", json={"pattern": pattern, "title": f"About {pattern}"}
    )
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


@pytest.mark.long
async def test_only_a_run_of_known_problems_alone_goes_to_their_route(folder: Path) -> None:
    async with instance_for(folder, "known_problem: true") as instance:
        await add_problem(instance, "assert Decimal")

        await post(instance, run(901, failed=2), run(902, "success"))
        assert instance.channels.told == [TEAM, TEAM]
        lint = await only_tests(instance, 903)

        assert instance.channels.told == [TEAM, TEAM, QUIET]
        assert (await verdicts(instance, lint))["special"][0] == "matched"


async def only_tests(instance: Instance, number: int, status: str = "failed") -> str:
    """Post a run of which the tests alone failed."""
    red = run(number, status)
    jobs = tuple(
        replace(job, status="success") if job.status == "failed" and not job.tests else job for job in red.jobs
    )
    return await post(instance, replace(red, jobs=jobs))


@pytest.mark.long
async def test_a_closed_problem_that_comes_back_is_no_known_one(folder: Path) -> None:
    async with instance_for(folder, "known_problem: true") as instance:
        problem = await add_problem(instance, "assert Decimal")
        await instance.act(f"known-problems/{problem}/close")
        instance.clock.tick(minutes=1)

        await only_tests(instance, 903)

        assert instance.channels.told == [TEAM]


# new_failure


@pytest.mark.long
async def test_what_failed_before_is_not_new(folder: Path) -> None:
    match = "transition: [broke, still_broken], new_failure: true"
    async with instance_for(folder, match) as instance:
        await post(instance, run(900, "success"), run(901), run(902), run(903, failed=2))

        assert instance.channels.told == [QUIET, QUIET]


# duration, slower


@pytest.mark.long
async def test_a_slow_run_is_told_also_when_it_is_green(folder: Path) -> None:
    async with instance_for(folder, 'slower: "> 1.5x"') as instance:
        await post(instance, *(run(number, "success") for number in range(901, 906)))
        assert instance.channels.told == []
        slow = replace(run(906, "success"), jobs=tuple(slower(job, 3) for job in GREEN.jobs))
        event_id = await post(instance, slow, run(907, "success"))

        assert instance.channels.told == [QUIET]
        assert (await verdicts(instance, event_id))["special"][1] == "slower 1x is not > 1.5x"


@pytest.mark.long
async def test_a_run_that_waited_long_is_not_slow(folder: Path) -> None:
    async with instance_for(folder, 'slower: "> 1.5x"') as instance:
        await post(instance, *(run(number, "success") for number in range(901, 906)))
        event_id = await post(instance, replace(run(906, "success"), jobs=tuple(late(job, 3000) for job in GREEN.jobs)))

        assert instance.channels.told == []
        assert (await verdicts(instance, event_id))["special"][1] == "slower 1x is not > 1.5x"


@pytest.mark.long
async def test_green_runs_that_waited_long_do_not_make_the_usual_time_longer(folder: Path) -> None:
    async with instance_for(folder, 'slower: "> 1.5x"') as instance:
        waited = tuple(late(job, 3000) for job in GREEN.jobs)
        await post(instance, *(replace(run(number, "success"), jobs=waited) for number in range(901, 906)))
        slow = replace(run(920, "success"), jobs=tuple(slower(job, 3) for job in GREEN.jobs))
        await post(instance, slow)

        assert instance.channels.told == [QUIET]


@pytest.mark.long
async def test_greens_are_measured_for_a_route_that_hears_of_reds_alone(folder: Path) -> None:
    async with instance_for(folder, 'status: failed, slower: "> 0.1x"') as instance:
        event_id = await post(instance, *(run(number, "success") for number in range(901, 906)), run(906))

        assert instance.channels.told == [QUIET]
        assert "slower" in (await verdicts(instance, event_id))["special"][1]


def slower(job: Any, times: int) -> Any:
    return replace(job, starts_s=job.starts_s * times, lasts_s=job.lasts_s * times)


@pytest.mark.long
async def test_without_five_green_runs_nothing_is_slow(folder: Path) -> None:
    async with instance_for(folder, 'slower: "> 0x"') as instance:
        event_id = await post(instance, *(run(number, "success") for number in range(901, 906)))

        assert instance.channels.told == []
        assert (await verdicts(instance, event_id))["special"][1] == "this event has no slower"


async def test_a_long_run_is_told_by_its_duration(folder: Path) -> None:
    async with instance_for(folder, 'duration: "> 1m"') as instance:
        await post(instance, run(901, "success"))

        assert instance.channels.told == [QUIET]


async def test_a_run_that_waited_long_is_not_long(folder: Path) -> None:
    async with instance_for(folder, 'duration: "> 20m"') as instance:
        event_id = await post(instance, replace(run(901, "success"), jobs=tuple(late(job, 3000) for job in GREEN.jobs)))

        assert instance.channels.told == []
        assert " is not > 20m" in (await verdicts(instance, event_id))["special"][1]


async def test_circleci_is_not_asked_about_a_run_that_is_short_with_all_waiting(folder: Path) -> None:
    async with instance_for(folder, 'duration: "> 20m"') as instance:
        event_id = await post(instance, run(901, "success"))

        assert (await verdicts(instance, event_id))["special"][1].startswith("duration at most ")
        assert not [call for call in instance.pretend.calls if call.path.endswith("/job")]


async def test_a_time_that_is_not_known_is_at_most_that_from_begin_to_end(folder: Path) -> None:
    async with instance_for(folder, 'duration: "> 1m"') as instance:
        instance.pretend.faults.next("/workflow/*", broken(503), times=1_000)
        event_id = await instance.finish(run(901, "success"))
        await instance.drain()
        await instance.drain(minutes=3)

        assert instance.channels.told == []
        reason = (await verdicts(instance, event_id))["special"][1]
        assert reason.startswith("duration at most 5m")
        assert "it could not be asked" in reason


# queue


async def test_a_run_that_waited_is_told_and_one_that_did_not_is_not(folder: Path) -> None:
    async with instance_for(folder, 'queue: "> 5m"') as instance:
        waited = tuple(late(job, 400) for job in GREEN.jobs)
        event_id = await post(instance, run(901, "success"), replace(run(902, "success"), jobs=waited))

        assert instance.channels.told == [QUIET]
        assert "queue 6m" in (await verdicts(instance, event_id))["special"][1]


def late(job: Any, seconds: int) -> Any:
    return replace(job, starts_s=job.starts_s + seconds)


async def test_a_queue_that_is_not_known_fits_no_comparison(folder: Path) -> None:
    async with instance_for(folder, 'queue: ">= 0s"') as instance:
        instance.pretend.faults.next("/workflow/*", broken(503), times=1_000)
        event_id = await instance.finish(run(901, "success"))
        await instance.drain()
        await instance.drain(minutes=3)

        assert instance.channels.told == []
        assert (await verdicts(instance, event_id))["special"][1].startswith("this event has no queue (it could not be")


# class


@pytest.mark.long
async def test_a_class_that_a_person_gave_is_matched(folder: Path) -> None:
    async with instance_for(folder, "class: infrastructure, transition: [still_broken, fixed]") as instance:
        await post(instance, run(901))
        [(incident,)] = instance.rows("SELECT id FROM incidents")
        classified = await instance.http.post(
            f"/api/v1/incidents/{incident}/classify", json={"class": "infrastructure"}
        )
        assert classified.is_success, classified.text

        event_id = await post(instance, run(902))

        assert instance.channels.told == [TEAM, QUIET]
        assert "class infrastructure matches infrastructure" in (await verdicts(instance, event_id))["special"][1]


# pr


@pytest.mark.long
async def test_a_run_of_a_pull_request_is_told_once_circleci_said_which(folder: Path) -> None:
    async with instance_for(folder, 'pr: "*"') as instance:
        await post(instance, replace(run(901, branch="feature"), pull_request=41))
        assert instance.channels.told == [QUIET]

        await post(instance, run(902))

        assert instance.channels.told == [QUIET, TEAM]

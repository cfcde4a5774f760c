"""Routes for flaky, known, new, slow and waiting runs, and for classes and pull requests: real runs, real databases."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.faults import broken
from tests.support.app_fixture import GREEN, House, a_house
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


def house_for(folder: Path, match: str) -> AbstractAsyncContextManager[House]:
    """A house whose first route has a match, and whose second hears what is left."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[House]:
        async with a_house(folder, ROUTES.replace("MATCH", match)) as house:
            house.clock.tick(hours=12)
            yield house

    return opened()


# flaky


@pytest.mark.long
async def test_a_flake_goes_to_its_route_and_so_does_its_end(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901, 902, 903))
        house.channels.took.clear()

        red = await post(house, run(910))
        assert house.channels.told == [QUIET]
        assert (await verdicts(house, red))["special"] == (
            "matched",
            "branch main matches main; flaky true matches true",
        )
        green = await post(house, run(911, "success"))

        assert house.channels.told == [QUIET, QUIET]
        assert (await verdicts(house, green))["special"][0] == "matched"


@pytest.mark.long
async def test_a_break_passes_by_the_route_for_flakes_and_so_does_its_end(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        red = await post(house, run(900, "success"), run(901))
        green = await post(house, run(902, "success"))

        assert house.channels.told == [TEAM, TEAM]
        assert (await verdicts(house, red))["special"] == (
            "not_matched",
            "flaky false is not true",
        )
        assert (await verdicts(house, green))["special"][1] == "flaky false is not true"


@pytest.mark.long
async def test_a_break_beside_a_flake_is_no_flake(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901, 902, 903))
        house.channels.took.clear()

        await post(house, run(910, failed=2))

        assert house.channels.told == [TEAM]


@pytest.mark.long
async def test_a_rerun_that_shows_the_flake_ends_the_break_where_it_was_told(folder: Path) -> None:
    """By then the test is known to be flaky, and the team was told of a break."""
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901))

        assert house.channels.told == [TEAM, TEAM]


@pytest.mark.long
async def test_a_flake_that_stays_red_is_told_as_a_break(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901, 902, 903))
        house.channels.took.clear()

        await post(house, run(910), run(911), run(912))

        assert house.channels.told == [QUIET, TEAM]


@pytest.mark.long
async def test_without_answers_until_the_deadline_a_red_run_is_no_flake(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901, 902, 903))
        house.channels.took.clear()
        house.pretend.faults.next("/workflow/*", broken(503), times=1_000)

        event_id = await house.finish(run(910))
        await house.drain()
        assert house.channels.told == []  # it waits for the tests
        await house.drain(minutes=3)

        assert house.channels.told == [TEAM]
        verdict, reason = (await verdicts(house, event_id))["special"]
        assert verdict == "not_matched"
        assert reason.startswith("flaky false (not known) is not true (it could not be asked: ")


@pytest.mark.long
async def test_details_that_come_late_change_no_decision_and_the_end_follows_it(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        await post(house, *flaky_history(901, 902, 903))
        house.channels.took.clear()
        house.pretend.faults.next("/workflow/*", broken(503), times=12)
        event_id = await house.finish(run(910))
        await house.drain()
        await house.drain(minutes=3)
        before = await verdicts(house, event_id)
        await house.drain(hours=2)

        await post(house, run(911, "success"))

        assert await verdicts(house, event_id) == before
        assert house.channels.told == [TEAM, TEAM]


async def test_a_run_is_asked_about_only_where_a_route_for_flakes_could_win(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        event_id = await house.finish(run(901, branch="release/1"))
        await house.drain()

        assert house.fetches() == ["tests"] or house.fetches() == []
        assert (await verdicts(house, event_id))["special"][0] == "not_matched"
        assert house.rows("SELECT notes FROM decisions") == [(None,)]


@pytest.mark.long
async def test_a_replay_has_a_judgment_of_its_own_and_leaves_the_first(folder: Path) -> None:
    async with house_for(folder, "flaky: true") as house:
        event_id = await post(house, *flaky_history(901, 902, 903), run(910))
        before = (await house.show(event_id))["decisions"]
        await house.act(f"deliveries/{event_id}/replay")
        await settle(house)

        after = (await house.show(event_id))["decisions"]

        assert [one for one in after if one["round"] == 1] == before
        [replayed] = [one for one in after if (one["round"], one["route"]) == (2, "special")]
        assert replayed["verdict"] == "already_told"
        assert replayed["reason"].startswith("branch main matches main; flaky true matches true; quiet (json)")
        assert {one["verdict_today"] for one in after} == {None}


# known_problem


async def add_problem(house: House, pattern: str) -> str:
    response = await house.http.post("/api/v1/known-problems", json={"pattern": pattern, "title": f"About {pattern}"})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


@pytest.mark.long
async def test_only_a_run_of_known_problems_alone_goes_to_their_route(folder: Path) -> None:
    async with house_for(folder, "known_problem: true") as house:
        await add_problem(house, "assert Decimal")

        await post(house, run(901, failed=2), run(902, "success"))
        assert house.channels.told == [TEAM, TEAM]
        lint = await only_tests(house, 903)

        assert house.channels.told == [TEAM, TEAM, QUIET]
        assert (await verdicts(house, lint))["special"][0] == "matched"


async def only_tests(house: House, number: int, status: str = "failed") -> str:
    """Post a run of which the tests alone failed."""
    red = run(number, status)
    jobs = tuple(
        replace(job, status="success") if job.status == "failed" and not job.tests else job for job in red.jobs
    )
    return await post(house, replace(red, jobs=jobs))


@pytest.mark.long
async def test_a_closed_problem_that_comes_back_is_no_known_one(folder: Path) -> None:
    async with house_for(folder, "known_problem: true") as house:
        problem = await add_problem(house, "assert Decimal")
        await house.act(f"known-problems/{problem}/close")
        house.clock.tick(minutes=1)

        await only_tests(house, 903)

        assert house.channels.told == [TEAM]


# new_failure


@pytest.mark.long
async def test_what_failed_before_is_not_new(folder: Path) -> None:
    match = "transition: [broke, still_broken], new_failure: true"
    async with house_for(folder, match) as house:
        await post(house, run(900, "success"), run(901), run(902), run(903, failed=2))

        assert house.channels.told == [QUIET, QUIET]


# duration, slower


@pytest.mark.long
async def test_a_slow_run_is_told_also_when_it_is_green(folder: Path) -> None:
    async with house_for(folder, 'slower: "> 1.5x"') as house:
        await post(house, *(run(number, "success") for number in range(901, 906)))
        assert house.channels.told == []
        slow = replace(run(906, "success"), jobs=tuple(slower(job, 3) for job in GREEN.jobs))
        event_id = await post(house, slow, run(907, "success"))

        assert house.channels.told == [QUIET]
        assert (await verdicts(house, event_id))["special"][1] == "slower 1x is not > 1.5x"


@pytest.mark.long
async def test_a_run_that_waited_long_is_not_slow(folder: Path) -> None:
    async with house_for(folder, 'slower: "> 1.5x"') as house:
        await post(house, *(run(number, "success") for number in range(901, 906)))
        event_id = await post(house, replace(run(906, "success"), jobs=tuple(late(job, 3000) for job in GREEN.jobs)))

        assert house.channels.told == []
        assert (await verdicts(house, event_id))["special"][1] == "slower 1x is not > 1.5x"


@pytest.mark.long
async def test_green_runs_that_waited_long_do_not_make_the_usual_time_longer(folder: Path) -> None:
    async with house_for(folder, 'slower: "> 1.5x"') as house:
        waited = tuple(late(job, 3000) for job in GREEN.jobs)
        await post(house, *(replace(run(number, "success"), jobs=waited) for number in range(901, 906)))
        slow = replace(run(920, "success"), jobs=tuple(slower(job, 3) for job in GREEN.jobs))
        await post(house, slow)

        assert house.channels.told == [QUIET]


@pytest.mark.long
async def test_greens_are_measured_for_a_route_that_hears_of_reds_alone(folder: Path) -> None:
    async with house_for(folder, 'status: failed, slower: "> 0.1x"') as house:
        event_id = await post(house, *(run(number, "success") for number in range(901, 906)), run(906))

        assert house.channels.told == [QUIET]
        assert "slower" in (await verdicts(house, event_id))["special"][1]


def slower(job: Any, times: int) -> Any:
    return replace(job, starts_s=job.starts_s * times, lasts_s=job.lasts_s * times)


@pytest.mark.long
async def test_without_five_green_runs_nothing_is_slow(folder: Path) -> None:
    async with house_for(folder, 'slower: "> 0x"') as house:
        event_id = await post(house, *(run(number, "success") for number in range(901, 906)))

        assert house.channels.told == []
        assert (await verdicts(house, event_id))["special"][1] == "this event has no slower"


async def test_a_long_run_is_told_by_its_duration(folder: Path) -> None:
    async with house_for(folder, 'duration: "> 1m"') as house:
        await post(house, run(901, "success"))

        assert house.channels.told == [QUIET]


async def test_a_run_that_waited_long_is_not_long(folder: Path) -> None:
    async with house_for(folder, 'duration: "> 20m"') as house:
        event_id = await post(house, replace(run(901, "success"), jobs=tuple(late(job, 3000) for job in GREEN.jobs)))

        assert house.channels.told == []
        assert " is not > 20m" in (await verdicts(house, event_id))["special"][1]


async def test_circleci_is_not_asked_about_a_run_that_is_short_with_all_waiting(folder: Path) -> None:
    async with house_for(folder, 'duration: "> 20m"') as house:
        event_id = await post(house, run(901, "success"))

        assert (await verdicts(house, event_id))["special"][1].startswith("duration at most ")
        assert not [call for call in house.pretend.calls if call.path.endswith("/job")]


async def test_a_time_that_is_not_known_is_at_most_that_from_begin_to_end(folder: Path) -> None:
    async with house_for(folder, 'duration: "> 1m"') as house:
        house.pretend.faults.next("/workflow/*", broken(503), times=1_000)
        event_id = await house.finish(run(901, "success"))
        await house.drain()
        await house.drain(minutes=3)

        assert house.channels.told == []
        reason = (await verdicts(house, event_id))["special"][1]
        assert reason.startswith("duration at most 5m")
        assert "it could not be asked" in reason


# queue


async def test_a_run_that_waited_is_told_and_one_that_did_not_is_not(folder: Path) -> None:
    async with house_for(folder, 'queue: "> 5m"') as house:
        waited = tuple(late(job, 400) for job in GREEN.jobs)
        event_id = await post(house, run(901, "success"), replace(run(902, "success"), jobs=waited))

        assert house.channels.told == [QUIET]
        assert "queue 6m" in (await verdicts(house, event_id))["special"][1]


def late(job: Any, seconds: int) -> Any:
    return replace(job, starts_s=job.starts_s + seconds)


async def test_a_queue_that_is_not_known_fits_no_comparison(folder: Path) -> None:
    async with house_for(folder, 'queue: ">= 0s"') as house:
        house.pretend.faults.next("/workflow/*", broken(503), times=1_000)
        event_id = await house.finish(run(901, "success"))
        await house.drain()
        await house.drain(minutes=3)

        assert house.channels.told == []
        assert (await verdicts(house, event_id))["special"][1].startswith("this event has no queue (it could not be")


# class


@pytest.mark.long
async def test_a_class_that_a_person_gave_is_matched(folder: Path) -> None:
    async with house_for(folder, "class: infrastructure, transition: [still_broken, fixed]") as house:
        await post(house, run(901))
        [(incident,)] = house.rows("SELECT id FROM incidents")
        classified = await house.http.post(f"/api/v1/incidents/{incident}/classify", json={"class": "infrastructure"})
        assert classified.is_success, classified.text

        event_id = await post(house, run(902))

        assert house.channels.told == [TEAM, QUIET]
        assert "class infrastructure matches infrastructure" in (await verdicts(house, event_id))["special"][1]


# pr


@pytest.mark.long
async def test_a_run_of_a_pull_request_is_told_once_circleci_said_which(folder: Path) -> None:
    async with house_for(folder, 'pr: "*"') as house:
        await post(house, replace(run(901, branch="feature"), pull_request=41))
        assert house.channels.told == [QUIET]

        await post(house, run(902))

        assert house.channels.told == [QUIET, TEAM]

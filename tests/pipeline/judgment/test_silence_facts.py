"""Silences by what a run means: its failures, times and class are worked out for them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.pipeline.planning.reminders import remind
from service.testing.fake_circleci.faults import broken
from tests.support.app_fixture import GREEN, Instance, an_instance
from tests.support.flaky_runs import flaky_history, post, run

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  team: {channels: [json://team.example.com]}
routes:
  - {name: breaks, match: {branch: [main, feature]}, receiver: team, repeat: 4h}
"""
TEAM = "team (json)"


@pytest.fixture
async def team(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman with one route, which names nothing that is worked out."""
    async with an_instance(folder, ROUTES) as instance:
        instance.clock.tick(hours=12)
        yield instance


async def silence(instance: Instance, *, preview: bool = False, **matchers: str) -> Any:
    """Set a silence of these matchers for a day, or preview it; return its shape."""
    matchers = {key.strip("_"): pattern for key, pattern in matchers.items()}
    wanted = {"matchers": matchers, "until": "1d", "comment": "known to be so", "preview": preview}
    answered = await instance.http.post("/api/v1/silences", json=wanted)
    assert answered.is_success, answered.text
    return answered.json()


async def look(instance: Instance, **later: float) -> None:
    """Look for what is due after a time, and tell it."""
    instance.clock.tick(**later)
    await remind(instance.service.context)
    await instance.drain()


@pytest.mark.long
async def test_a_silence_of_flakes_keeps_a_flake_back_and_tells_a_break(team: Instance) -> None:
    await post(team, *flaky_history(901, 902, 903))
    team.channels.took.clear()
    await silence(team, flaky="true")

    red = await post(team, run(910))
    await post(team, run(911, "success"))
    told = list(team.channels.told)
    await post(team, run(912, failed=2))

    [decision] = (await team.show(red))["decisions"]
    assert decision["verdict"] == "silenced"
    assert told == []
    assert team.channels.told == [TEAM]


@pytest.mark.long
async def test_without_answers_in_time_a_silence_of_flakes_keeps_no_red_back(team: Instance) -> None:
    await post(team, *flaky_history(901, 902, 903))
    team.channels.took.clear()
    await silence(team, flaky="true")
    team.pretend.faults.next("/workflow/*", broken(503), times=1_000)

    await team.finish(run(910))
    await team.drain()
    waits = team.channels.told == []
    await team.drain(minutes=3)
    await team.drain(minutes=3)

    assert waits
    assert team.channels.told == [TEAM]


@pytest.mark.long
async def test_a_silence_of_a_class_keeps_reminders_back(team: Instance) -> None:
    await post(team, run(901))
    [(incident,)] = team.rows("SELECT id FROM incidents")
    classified = {"class": "infrastructure"}
    assert (await team.http.post(f"/api/v1/incidents/{incident}/classify", json=classified)).is_success
    made = await silence(team, class_="infrastructure")
    team.channels.took.clear()

    await look(team, hours=5)
    kept_back = list(team.channels.told)
    await team.http.delete(f"/api/v1/silences/{made['id']}")
    await look(team, minutes=2)

    assert kept_back == []
    assert team.channels.told == [TEAM]


@pytest.mark.long
async def test_a_silence_of_slow_runs_keeps_slow_ones_back(folder: Path) -> None:
    async with an_instance(folder, ROUTES.replace("branch: [main, feature]", "status: '*'")) as instance:
        instance.clock.tick(hours=12)
        await silence(instance, slower="> 1.5x")
        for number in range(901, 906):
            await post(instance, run(number, "success"))
        instance.channels.took.clear()
        slow = tuple(replace(job, starts_s=job.starts_s * 3, lasts_s=job.lasts_s * 3) for job in GREEN.jobs)

        await post(instance, replace(run(906, "success"), jobs=slow))
        told = list(instance.channels.told)
        await post(instance, run(907, "success"))

    assert told == []
    assert instance.channels.told == [TEAM]


@pytest.mark.long
async def test_a_preview_counts_what_was_a_flake(team: Instance) -> None:
    await post(team, *flaky_history(901, 902, 903), run(910), run(911, "success"), run(912, failed=2))

    flaky = await silence(team, preview=True, flaky="true")
    new = await silence(team, preview=True, new_failure="true")
    every = await silence(team, preview=True, branch="main")

    counts = [one["would_have_silenced"]["messages"] for one in (flaky, new, every)]
    assert counts[0] >= 2
    assert counts[1] >= 1
    assert counts[2] == len(team.channels.told)


async def test_silences_that_name_no_facts_cost_no_questions(team: Instance) -> None:
    await silence(team, branch="feature")

    await team.finish(run(901, "success"))
    await team.drain()

    assert not [call for call in team.pretend.calls if call.path.endswith(("/job", "/tests"))]


async def test_a_silence_asks_nothing_of_runs_that_no_route_hears(team: Instance) -> None:
    await silence(team, flaky="true")

    await team.finish(run(901, branch="elsewhere"))
    await team.process()

    assert not team.fetches() or "decision" not in str(team.fetches())

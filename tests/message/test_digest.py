"""The paragraphs of a digest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from service.message.digest import DigestFacts, FlakyTest, SlowWorkflow, digest_lines
from service.model import Closing, Color, Event, Incident, RunState, Transition
from tests.support.example_events import FAILED

NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)
OPEN = Incident(id=uuid4(), track_id=1, opened_by=uuid4(), opened_at=NOW, last_red=uuid4(), streak=1)


def a_run(color: Color, minutes: int, *, red_for: timedelta | None = None) -> Event:
    run_id, since = uuid4(), FAILED.happened_at - red_for if red_for else None
    transition = Transition.FIXED if red_for else Transition.NONE
    state = RunState(run_id=run_id, event_id=run_id, track_id=1, color=color, transition=transition, since=since)
    return replace(FAILED, run=state, duration_ms=minutes * 60_000)


def lines(facts: DigestFacts) -> list[str]:
    return digest_lines(facts, NOW, "Europe/Oslo")


def test_workflows_that_take_longer_than_the_week_before_are_slowing() -> None:
    usual = [
        SlowWorkflow(place="deploy", usual_ms=1_200_000, runs=9, before_ms=1_140_000),
        SlowWorkflow(place="build", usual_ms=720_000, runs=5, before_ms=480_000),
        SlowWorkflow(place="lint", usual_ms=700_000, runs=5, before_ms=60_000),
        SlowWorkflow(place="docs", usual_ms=600_000, runs=5, before_ms=60_000),
        SlowWorkflow(place="site", usual_ms=60_000, runs=5),
        SlowWorkflow(place="e2e", usual_ms=590_000, runs=5, before_ms=10_000),
        SlowWorkflow(place="app", usual_ms=590_000, runs=5, before_ms=10_000),
    ]

    assert lines(DigestFacts(usual=usual))[1:] == [
        "Slowest: 3",
        "- deploy, usually 20 min (9 green runs)",
        "- build, usually 12 min (5 green runs), 8 min the time before",
        "- lint, usually 11 min 40 s (5 green runs), 1 min the time before",
        "Slowing too: 3",
        "- app, usually 9 min 50 s, 10 s the time before",
        "- e2e, usually 9 min 50 s, 10 s the time before",
        "- docs, usually 10 min, 1 min the time before",
    ]


def test_canceled_runs_are_never_failed() -> None:
    facts = DigestFacts(runs=[a_run(Color.GREY, 1), a_run(Color.GREY, 1)])
    facts.count_before([a_run(Color.GREY, 1)])

    assert lines(facts) == [
        "No run was green or red. 2 more were canceled or did not run: these count as neither.",
    ]
    assert facts.is_empty


def test_more_runs_than_are_read_are_said() -> None:
    assert "There were more runs than a digest reads: the oldest are left out." in lines(DigestFacts(is_partial=True))


def test_how_fast_it_was_fixed_stands_with_its_number() -> None:
    ends = [a_run(Color.GREEN, 1, red_for=timedelta(minutes=minutes)) for minutes in (10, 38, 300)]

    told = lines(DigestFacts(runs=ends))

    assert told[1:3] == ["0 breaks, 3 fixes, half of them within 38 min.", "Fixed: 1"]
    assert told[3].endswith(" 3 times, the last after 10 min")


def test_a_flaky_job_without_tests_and_one_that_fails_seldom() -> None:
    flaky = [
        FlakyTest(place="acme/web", job="unit", name="test_a", fails=2, runs=500, url="https://ci.example.com/1"),
        FlakyTest(place="acme/web", job="lint", name="", fails=3, runs=6, evidence="1 of its last 3 fails"),
    ]

    assert lines(DigestFacts(flaky=flaky))[1:] == [
        "Flaky tests: 2",
        "- acme/web unit: test_a, failed in 2 of 500 runs (1 %), the last failure: https://ci.example.com/1",
        "- acme/web job lint, failed in 3 of 6 runs (50 %), 1 of its last 3 fails",
    ]


def test_what_was_not_looked_at_is_counted() -> None:
    said = lines(DigestFacts(reds_left_out=3, tests_left_out=120))

    assert "and 3 more branches are red, which were not looked at" in said
    assert "and 120 more tests failed, of which it was not looked at whether they are flaky" in said


def test_share_of_green_runs_is_compared_where_there_were_runs_before() -> None:
    facts = DigestFacts(runs=[a_run(Color.GREEN, 1), a_run(Color.RED, 1)])
    alone = lines(facts)[0]
    facts.count_before([a_run(Color.GREEN, 1)])

    assert alone == "50 % of 2 runs were green."
    assert lines(facts)[0] == "50 % of 2 runs were green, 100 % the time before."


def on_track(track_id: int, transition: Transition, minute: int) -> Event:
    event = a_run(Color.RED if transition is Transition.BROKE else Color.GREEN, 1)
    assert event.run
    since = NOW - timedelta(minutes=minute + 10)
    run = replace(event.run, track_id=track_id, transition=transition, since=since, incident_id=uuid4())
    workflow = replace(event.workflow, name=f"track-{track_id}")
    return replace(event, run=run, workflow=workflow, happened_at=NOW - timedelta(minutes=minute))


def test_a_track_stands_in_one_part_alone() -> None:
    """1 is red now, 2 was fixed twice, 3 broke and expired, 4 is often green after reruns."""
    broke = [on_track(track, Transition.BROKE, 90 - track) for track in (1, 1, 2, 2, 3, 4, 4)]
    fixed = [on_track(track, Transition.FIXED, 50 - track) for track in (1, 2, 2, 4, 4)]
    red = replace(OPEN, opened_at=NOW - timedelta(minutes=89))
    reruns = {one.run.incident_id: replace(OPEN, closed_because=Closing.RERUN) for one in fixed[3:] if one.run}
    facts = DigestFacts(
        runs=[*reversed(fixed), *reversed(broke)],
        red_now=[(broke[1], red)],
        closed={one: incident for one, incident in reruns.items() if one},
    )

    said = lines(facts)

    parts = [line.partition(":")[0] for line in said if not line.startswith("- ")]
    assert parts[1] == "7 breaks, 5 fixes, half of them within 10 min."
    assert parts[3:] == ["Red now", "Broke", "Fixed", "Green after a rerun of the same commit, more than once"]
    for track in range(1, 5):
        assert sum(f"track-{track}" in line for line in said) == 1, track
    assert any(line.endswith("not taken, broke 2 times") for line in said)
    assert any("track-2 2 times, the last after 10 min" in line for line in said)

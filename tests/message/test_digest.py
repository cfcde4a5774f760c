"""The paragraphs of a digest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from service.message.digest import DigestFacts, FlakyTest, SlowWorkflow, digest_lines
from service.model import Color, Event, RunState, Transition
from tests.example_events import FAILED

NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)


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
        SlowWorkflow(place="docs", usual_ms=60_000, runs=5),
    ]

    assert lines(DigestFacts(usual=usual))[1:] == [
        "Slowest: 3",
        "- deploy, usually 20m 00s (9 green runs)",
        "- build, usually 12m 00s (5 green runs)",
        "- lint, usually 11m 40s (5 green runs)",
        "Slowing: 2",
        "- lint, usually 11m 40s, 1m 00s the time before",
        "- build, usually 12m 00s, 8m 00s the time before",
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

    assert told[1] == "Fixed: 3, half of them within 38 min"
    assert told[2].endswith(" after 5 h")


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

"""Match keys: one law after the other, each for all of them."""

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from service.config.match_shape import MatchShape
from service.config.matchers import to_matcher
from service.errors import BadRequest
from service.model import Actor, DetailKind, Event, EventKind, PullRequest, Route, RunFailures, Verdict
from service.routing.decide import decide, fits
from service.routing.match_key import MatchKey
from service.routing.match_keys import FACT_KEYS, JUDGED_KEYS, MATCH_KEYS, findable_details, read_facts
from service.routing.route_index import RouteIndex
from service.routing.run_fact_keys import FAILURE_KEYS
from tests.support.example_events import FAILED, JOB, PING, SAMPLE_VALUES, UNPLACED, UNSIGNED

EVENTS = (FAILED, JOB, PING, UNPLACED, UNSIGNED, replace(FAILED, status="success"), replace(FAILED, status="canceled"))
FAILURES = dict.fromkeys(sorted(FAILURE_KEYS), frozenset({DetailKind.JOBS, DetailKind.TESTS}))
"""What a red run is asked for, as any webhook lacks it; likewise the others."""
QUEUE = {"queue": frozenset({DetailKind.JOBS})}
PULL = {"pr": frozenset({DetailKind.PULL_REQUEST})}


def with_sample(name: str, event: Event = FAILED) -> Event:
    return MATCH_KEYS[name].put(event, SAMPLE_VALUES[name])


def pattern_of(key: MatchKey, value: str) -> str:
    return f">= {value}" if key.units else value


def is_fitting(key: MatchKey, event: Event, *written: str) -> bool:
    return fits(to_matcher(key.name, written), key.read(event))


def test_names_of_people_workflows_and_jobs_may_hold_brackets_and_those_of_refs_may_not() -> None:
    may = {name for name, key in MATCH_KEYS.items() if key.may_hold_brackets}

    assert may == {"workflow", "job", "actor", "author"}


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_a_value_that_is_put_is_the_one_that_is_read(name: str) -> None:
    assert SAMPLE_VALUES[name] in MATCH_KEYS[name].read(with_sample(name)).spellings


@pytest.mark.parametrize("name", [name for name in MATCH_KEYS if name != "event"])
def test_a_value_that_is_taken_away_is_absent_or_unknown(name: str) -> None:
    key = MATCH_KEYS[name]
    expected = () if key.when_unknown is None else (key.when_unknown,)

    assert key.read(key.put(FAILED, None)).spellings == expected


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_no_key_changes_the_value_of_another(name: str) -> None:
    of_run = {"transition", "streak", *FAILURE_KEYS}
    brought_along = {
        "org": {"project"},
        "project": {"org"},
        "job": {"event", *of_run},
        "event": of_run,
        "status": of_run,
        "streak": {"transition"},
        "transition": {"streak"},
    }.get(name, FAILURE_KEYS if name in FAILURE_KEYS else set())
    before, after = read_facts(FAILED), read_facts(with_sample(name))

    assert {other for other in MATCH_KEYS if before[other] != after[other]} <= {name, *brought_along}


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_each_key_is_read_of_each_event(name: str) -> None:
    for event in EVENTS:
        fact = MATCH_KEYS[name].read(event)

        assert bool(fact.shown) is bool(fact.spellings)
        assert fact.amount is None or MATCH_KEYS[name].units


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_the_schema_takes_a_value_alone_and_in_a_list_and_excluded(name: str) -> None:
    key, jobs = MATCH_KEYS[name], {"event": ["job-completed"]} if MATCH_KEYS[name].needs_jobs else {}
    pattern = pattern_of(key, SAMPLE_VALUES[name])
    excluded = [] if name == "event" else [f"!{pattern}"]

    for written in (pattern, [pattern], [pattern, *excluded]):
        shape = MatchShape.model_validate(jobs | {name: written})

        assert getattr(shape, name) == tuple([written] if isinstance(written, str) else written)


@pytest.mark.parametrize("name", list(MATCH_KEYS))
@pytest.mark.parametrize("written", [[], {}, "", [None], {"a": 1}])
def test_the_schema_refuses_what_says_nothing(name: str, written: object) -> None:
    with pytest.raises(ValidationError):
        MatchShape.model_validate({name: written})


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_a_pattern_fits_its_value_and_an_exclusion_does_not(name: str) -> None:
    key, event = MATCH_KEYS[name], with_sample(name)
    pattern = pattern_of(key, SAMPLE_VALUES[name])

    assert is_fitting(key, event, pattern)
    assert not is_fitting(key, event, f"!{pattern}")


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_explaining_says_the_key_with_its_value(name: str) -> None:
    key, event = MATCH_KEYS[name], with_sample(name)
    pattern = pattern_of(key, SAMPLE_VALUES[name])
    route = Route(name="one", receiver="team", matchers=(to_matcher(name, [f"!{pattern}"]),))

    [decision] = decide(event, [route])

    value = re.escape(key.read(event).shown)
    assert decision.verdict is Verdict.NOT_MATCHED
    assert re.search(f"{name} {value} is excluded by !|hears ", decision.reason)


@pytest.mark.parametrize("name", sorted(JUDGED_KEYS))
def test_what_is_known_of_judged_runs_alone_is_refused_beside_jobs(name: str) -> None:
    pattern = pattern_of(MATCH_KEYS[name], SAMPLE_VALUES[name])

    with pytest.raises(ValidationError, match="fits no job; leave out event: job-completed"):
        MatchShape.model_validate({"event": "job-completed", name: pattern})
    assert MATCH_KEYS[name].read(JOB).spellings == ()


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_only_keys_that_are_worked_out_for_routes_are_asked_of_an_index(name: str) -> None:
    pattern = pattern_of(MATCH_KEYS[name], SAMPLE_VALUES[name])
    index = RouteIndex([Route(name="one", receiver="team", matchers=(to_matcher(name, [pattern]),))])

    assert index.fact_keys(FAILED) == ({name} & FACT_KEYS)
    assert index.fact_keys(PING) == frozenset()


@pytest.mark.parametrize("name", list(MATCH_KEYS))
def test_a_sentence_says_what_an_unknown_value_is_taken_for(name: str) -> None:
    key = MATCH_KEYS[name]

    assert key.sentence
    assert key.when_unknown is None or re.search(f"(?i)not known.*: `{key.when_unknown}`", key.sentence)


def test_unknown_failures_are_those_of_the_model() -> None:
    unknown = vars(RunFailures())

    assert {name: key.when_unknown for name, key in MATCH_KEYS.items() if key.when_unknown} == {
        name: str(unknown[name]).lower() for name in FAILURE_KEYS
    }


def test_only_absent_values_that_circleci_knows_are_asked_for() -> None:
    actor, ref = frozenset({DetailKind.ACTOR}), frozenset({DetailKind.VCS})

    assert findable_details(FAILED) == {**FAILURES, **QUEUE, **PULL}
    assert findable_details(replace(FAILED, status="success")) == {**QUEUE, **PULL}
    assert findable_details(JOB) == PULL
    assert findable_details(PING) == {}
    assert findable_details(UNSIGNED) == {"actor": actor, **FAILURES, **QUEUE, **PULL}
    assert findable_details(UNPLACED) == {"branch": ref, "tag": ref, **FAILURES, **QUEUE, **PULL}
    assert "author" not in findable_details(MATCH_KEYS["author"].put(FAILED, None))


@pytest.mark.parametrize(
    "event",
    [
        replace(FAILED, branch=None, tag="v1"),
        replace(FAILED, trigger="schedule"),
        replace(FAILED, pull_request=PullRequest(number=41)),
    ],
)
def test_a_pull_request_is_asked_for_where_there_may_be_one(event: Event) -> None:
    assert "pr" not in findable_details(event)


@pytest.mark.parametrize("actor", [Actor(login="ada"), Actor(name="Ada")])
def test_person_of_whom_one_name_is_known_is_not_asked_for(actor: Actor) -> None:
    assert "actor" not in findable_details(replace(FAILED, actor=actor))


def test_a_job_that_is_named_makes_an_event_of_a_job() -> None:
    assert MATCH_KEYS["job"].put(FAILED, "build").kind is EventKind.JOB_COMPLETED


def test_names_that_people_choose_freely_may_hold_brackets() -> None:
    """Git refuses refs with brackets, CircleCI slugs and organizations."""
    free = {name for name, key in MATCH_KEYS.items() if key.may_hold_brackets}

    assert free == {"workflow", "job", "actor", "author"}


@pytest.mark.parametrize(
    ("key", "value"), [("transition", "broken"), ("new_failure", "maybe"), ("class", "unlucky"), ("streak", "x")]
)
def test_value_that_a_key_does_not_have_is_refused_where_it_is_set(key: str, value: str) -> None:
    with pytest.raises(BadRequest, match=value):
        MATCH_KEYS[key].put(FAILED, value)


def test_names_of_people_may_hold_brackets_and_names_of_refs_may_not() -> None:
    assert {name for name, key in MATCH_KEYS.items() if key.may_hold_brackets} >= {"actor", "author"}
    assert not any(MATCH_KEYS[name].may_hold_brackets for name in ("branch", "tag", "event", "status"))


def test_keys_of_failures_are_worked_out_where_a_route_names_them() -> None:
    assert {"new_failure", "flaky", "known_problem"} <= FACT_KEYS

"""Match keys of a run's failures, times, incident and pull request.

Most are worked out at the judgment, and only where a route names them.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from service.errors import BadRequest
from service.model import (
    Color,
    DetailKind,
    Event,
    EventKind,
    IncidentClass,
    PullRequest,
    RunFacts,
    Transition,
    color_of,
)
from service.routing.comparisons import SECONDS, TIMES, parse_amount
from service.routing.match_key import Fact, MatchKey, require_value, to_fact
from service.routing.run_failures import NEEDED, UNKNOWN

BOOLEANS = ("true", "false")
FAILURE_KEYS = frozenset({"flaky", "known_problem", "new_failure"})
CLASSES = tuple(one.value for one in IncidentClass)
_OF_RED = frozenset({Transition.BROKE, Transition.STILL_BROKEN, Transition.FIXED})


def _word(value: bool) -> str:
    return BOOLEANS[not value]


def _has_failures(event: Event) -> bool:
    """Return whether a run is red, or ended a red one."""
    if event.run is None:
        return color_of(event.status) is Color.RED
    return event.run.color is Color.RED or event.run.transition in _OF_RED


def _read_failure(event: Event, name: str) -> Fact:
    known = event.facts.failures if event.facts else None
    if event.kind is not EventKind.WORKFLOW_COMPLETED or not (known or _has_failures(event)):
        return to_fact(None)
    if known is not None and known.is_known:
        return to_fact(_word(getattr(known, name)))
    value = _word(getattr(UNKNOWN, name))
    return Fact(f"{value} (not known)", (value,))


def _put_failure(event: Event, value: str | None, name: str) -> Event:
    require_value(name, value, BOOLEANS)
    facts = event.facts or RunFacts()
    if value is None:
        return replace(event, facts=replace(facts, failures=None))
    failures = replace(facts.failures or UNKNOWN, is_known=True, **{name: value == "true"})
    return replace(event, facts=replace(facts, failures=failures))


def _find_failures(event: Event) -> frozenset[DetailKind]:
    """Return the details of a red run's failures; of others there is nothing to ask."""
    is_red = event.kind is EventKind.WORKFLOW_COMPLETED and color_of(event.status) is Color.RED
    return NEEDED if is_red else frozenset()


def _failure_key(name: str, sentence: str) -> MatchKey:
    return MatchKey(
        name=name,
        sentence=sentence,
        read=partial(_read_failure, name=name),
        put=partial(_put_failure, name=name),
        find_details=_find_failures,
        values=BOOLEANS,
        is_judged=True,
        is_worked_out=True,
        when_unknown=_word(getattr(UNKNOWN, name)),
    )


def _amount(value: float | None, write: Callable[[float], str]) -> Fact:
    if value is None:
        return to_fact(None)
    return Fact(write(value), (write(value),), value)


def _read_amount(name: str, value: str | None, units: Iterable[str], example: str) -> float | None:
    """Return an amount that was set by hand. Raises BadRequest with the next step."""
    if value is None:
        return None
    amount = parse_amount(value, tuple(units))
    if amount is None:
        raise BadRequest(f"{value!a} is not a value of {name}; write it like {example}")
    return amount


def write_time(seconds: float) -> str:
    """Return a time as matches have it, such as ``1h 30m`` or ``12s``."""
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    return " ".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _duration(event: Event) -> Fact:
    """Return the run time, or the most that it can be.

    That is where the wait before it is not known.
    """
    run_ms = event.facts.run_ms if event.facts and event.facts.run_ms is not None else event.run_ms
    if run_ms is None and event.duration_ms is not None:
        most = f"at most {write_time(event.duration_ms / 1000)}"
        return Fact(most, (most,), event.duration_ms / 1000, is_at_most=True)
    return _amount(None if run_ms is None else run_ms / 1000, write_time)


def _put_duration(event: Event, value: str | None) -> Event:
    seconds = _read_amount("duration", value, SECONDS, "25m")
    run_ms = None if seconds is None else round(seconds * 1000)
    given = replace(event, facts=replace(event.facts or RunFacts(), run_ms=run_ms))
    return given if run_ms is not None else replace(given, duration_ms=None)


def _slower(event: Event) -> Fact:
    return _amount(event.facts.times_usual if event.facts else None, lambda times: f"{round(times, 2):g}x")


def _put_slower(event: Event, value: str | None) -> Event:
    times = _read_amount("slower", value, TIMES, "1.5x")
    return replace(event, facts=replace(event.facts or RunFacts(), times_usual=times))


def _queue(event: Event) -> Fact:
    return _amount(None if event.queue_ms is None else event.queue_ms / 1000, write_time)


def _put_queue(event: Event, value: str | None) -> Event:
    seconds = _read_amount("queue", value, SECONDS, "5m")
    return replace(event, queue_ms=None if seconds is None else round(seconds * 1000))


def _find_duration(event: Event) -> frozenset[DetailKind]:
    """Return the details that hold the wait that is part of a duration."""
    is_given = event.facts is not None and event.facts.run_ms is not None
    return frozenset() if is_given or event.duration_ms is None else _find_queue(event)


def _find_queue(event: Event) -> frozenset[DetailKind]:
    """Return the details that hold the start of the first job."""
    is_known = event.queue_ms is not None or event.kind is not EventKind.WORKFLOW_COMPLETED
    return frozenset(() if is_known else {DetailKind.JOBS})


def _class(event: Event) -> Fact:
    return to_fact(event.facts.klass if event.facts else None)


def _put_class(event: Event, value: str | None) -> Event:
    require_value("class", value, CLASSES)
    return replace(event, facts=replace(event.facts or RunFacts(), klass=IncidentClass(value) if value else None))


def _pull_request(event: Event) -> Fact:
    found = event.pull_request
    if not found.is_known:
        return to_fact(None)
    spelled = to_fact(None if found.number is None else str(found.number), found.url)
    return Fact(spelled.spellings[0], spelled.spellings)


def _put_pull_request(event: Event, value: str | None) -> Event:
    number = int(value) if value and value.isascii() and value.isdecimal() and len(value) < 19 else None
    return replace(event, pull_request=PullRequest(number=number, url=value if number is None else None))


def _find_pull_request(event: Event) -> frozenset[DetailKind]:
    """Return the detail that holds the pull request; a tag or a schedule has none."""
    may_have_one = event.tag is None and not event.is_scheduled and event.kind is not EventKind.PING
    return frozenset({DetailKind.PULL_REQUEST} if may_have_one and not event.pull_request.is_known else ())


RUN_FACT_KEYS: Iterable[MatchKey] = (
    _failure_key(
        "flaky",
        "`true` if every failed test, and every failed job without tests, is likely flaky; of a run that fixed it, as "
        "the last red run was. Where this is not known in time: `false`",
    ),
    _failure_key(
        "known_problem",
        "`true` if each of them matches an open known problem; likewise of a run that fixed it. Not known: `false`",
    ),
    _failure_key(
        "new_failure",
        "`true` if one of them is new: it passed the last time, or nothing is known of it; likewise. Not known: `true`",
    ),
    MatchKey(
        name="duration",
        sentence='the time that it ran, without its `queue`, such as `"> 20m"` or `"<= 1h 30m"`; of a job as its post '
        "says, of a workflow it needs the CircleCI token: else no more is known than that it is at most the time from "
        "begin to end",
        read=_duration,
        put=_put_duration,
        find_details=_find_duration,
        units=tuple(SECONDS),
    ),
    MatchKey(
        name="slower",
        sentence='the `duration` as a multiple of the usual one of the workflow on its branch, such as `"> 1.5x"`: the '
        "median of its last 30 green runs there, or on the default branch; absent where it is known of fewer than five",
        read=_slower,
        put=_put_slower,
        find_details=_find_duration,
        units=tuple(TIMES),
        is_judged=True,
        is_worked_out=True,
    ),
    MatchKey(
        name="queue",
        sentence='the time from the creation of the workflow to the start of its first job, such as `"> 5m"`; needs '
        "the CircleCI token",
        read=_queue,
        put=_put_queue,
        find_details=_find_queue,
        units=tuple(SECONDS),
        is_of_runs=True,
    ),
    MatchKey(
        name="class",
        sentence="the class of its incident: `new`, `flaky`, `infrastructure`, `known_problem` or `expected`; absent "
        "until it has one",
        read=_class,
        put=_put_class,
        values=CLASSES,
        is_judged=True,
        is_worked_out=True,
    ),
    MatchKey(
        name="pr",
        sentence='the number of the pull request, or `"*"` for any; absent where there is none; needs the CircleCI '
        "token",
        read=_pull_request,
        put=_put_pull_request,
        find_details=_find_pull_request,
    ),
)

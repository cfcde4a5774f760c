"""The decision of every route on an event, each with its reason.

A route matches completed workflows only, unless it names another ``event``; all its matchers must fit; the first route
that matches wins, unless it continues. Patterns are globs, see ``patterns``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from service.model import (
    Actor,
    Decision,
    DetailKind,
    Details,
    Event,
    EventKind,
    Matcher,
    PullRequest,
    Route,
    Transition,
    Vcs,
    Verdict,
    Workflow,
    WorkflowFacts,
)
from service.routing.comparisons import COMPARED, compile_comparison, fits_at_most, may_be_at_most
from service.routing.durations import queue_ms
from service.routing.match_key import Fact, to_fact
from service.routing.match_keys import MATCH_KEYS, findable_details, read_facts
from service.routing.patterns import compile_pattern, has_wildcards, quote

T = TypeVar("T")

_WORKFLOWS_ONLY = Matcher(key="event", patterns=(EventKind.WORKFLOW_COMPLETED,))
_BROKE_AND_ON = Matcher(key="transition", patterns=(Transition.BROKE, Transition.STILL_BROKEN, Transition.FIXED))
_BROKE_OR_FIXED = Matcher(key="transition", patterns=(Transition.BROKE, Transition.FIXED))
_UNCHANGED = {
    Transition.STILL_BROKEN: "is red, as the one before was",
    Transition.PASSED: "is green, as the one before was",
    "": "changed nothing",
}
_OTHERS = (EventKind.JOB_COMPLETED, EventKind.WORKFLOW_HELD, EventKind.SETTINGS_CHANGED)
_WITHOUT_TRANSITION = tuple(Fact(kind, (kind,)) for kind in _OTHERS)
_OF_EVERY_RUN = frozenset({"status", "tag", "duration", "slower", "queue"})


def decide(event: Event, routes: Sequence[Route]) -> list[Decision]:
    """Return the decision of each route on the event, in the order configured."""
    facts = read_facts(event)
    decisions = []
    winner: Route | None = None
    for position, route in enumerate(routes):
        verdict, reason = _judge(route, facts, winner)
        decisions.append(
            Decision(position=position, route=route.name, receiver=route.receiver, verdict=verdict, reason=reason)
        )
        if verdict is Verdict.MATCHED and not route.continues:
            winner = route
    return decisions


def own_matchers(route: Route) -> tuple[Matcher, ...]:
    """Return a route's matchers, with its default ones.

    Those are for the kind of event and the transition.
    """
    is_default = all(matcher.key != "event" for matcher in route.matchers)
    return (_WORKFLOWS_ONLY, *_with_transition(route)) if is_default else _with_transition(route)


def _with_transition(route: Route) -> tuple[Matcher, ...]:
    keys = {matcher.key for matcher in route.matchers}
    if "transition" in keys or hears_every_run(route):
        return route.matchers
    return (*route.matchers, _BROKE_AND_ON if "streak" in keys else _BROKE_OR_FIXED)


def hears_every_run(route: Route) -> bool:
    """Return whether a route hears all that fits, also runs that changed nothing."""
    keys = {matcher.key for matcher in route.matchers}
    if not keys or "transition" in keys or "streak" in keys:
        return not keys
    hears_others = any(
        not matcher.patterns or any(fits(matcher, one) for one in _WITHOUT_TRANSITION)
        for matcher in route.matchers
        if matcher.key == "event"
    )
    return hears_others or not keys.isdisjoint(_OF_EVERY_RUN)


def kinds_heard(routes: Iterable[Route]) -> frozenset[EventKind]:
    """Return the kinds of events that routes hear, by their own matchers alone."""
    return frozenset(
        kind
        for route in routes
        for kind in EventKind
        if kind is not EventKind.PING
        and all(fits(matcher, Fact(kind, (kind,))) for matcher in own_matchers(route) if matcher.key == "event")
    )


def follows_changes(route: Route) -> bool:
    """Return whether a route names the changes that it hears of."""
    return any(matcher.key in {"transition", "streak"} for matcher in route.matchers)


def hears_ends(route: Route) -> bool:
    """Return whether a route that tells what broke also tells what was fixed."""
    fixed = to_fact(Transition.FIXED)
    named = [matcher for matcher in own_matchers(route) if matcher.key == "transition"]
    return not hears_every_run(route) and all(fits(matcher, fixed) for matcher in named)


def fits(matcher: Matcher, fact: Fact) -> bool:
    """Return whether a fact passes a matcher, as ``decide`` says it with words."""
    if any(map(partial(_fits, fact), matcher.excluded)):
        return False
    return not matcher.patterns or any(map(partial(_fits, fact), matcher.patterns))


def _fits(fact: Fact, pattern: str) -> bool:
    if fact.amount is not None:
        compare = fits_at_most if fact.is_at_most else compile_comparison
        return compare(pattern, COMPARED)(fact.amount)
    return any(map(compile_pattern(pattern), fact.spellings))


def missing_facts(event: Event, routes: Sequence[Route]) -> frozenset[DetailKind]:
    """Return the details that must be known before the result of ``decide`` is final.

    These are the absent facts that a route tests, if the route could still win and the source can be asked for them. An
    absent author is no such fact: the source does not know more than the event says.
    """
    if not event.kind.is_of_build:
        return frozenset()
    facts, findable = read_facts(event), findable_details(event)
    wants: set[DetailKind] = set()
    for route in routes:
        known = [
            matcher
            for matcher in route.matchers
            if matcher.key not in findable and not MATCH_KEYS[matcher.key].is_judged
        ]
        may_fit = all(_test(matcher, facts[matcher.key]).is_match for matcher in known)
        if (
            _not_listening_reason(route, facts)
            or not may_fit
            or any(_is_ruled_out(one, facts) for one in route.matchers)
        ):
            continue
        wanted = set().union(*(findable[matcher.key] for matcher in route.matchers if matcher.key in findable))
        if not wanted and not route.continues:
            break
        wants |= wanted
    return frozenset(wants)


def _is_ruled_out(matcher: Matcher, facts: dict[str, Fact]) -> bool:
    """Return whether even the most that an amount can be meets no pattern."""
    fact = facts[matcher.key]
    if fact.amount is None or not fact.is_at_most or not matcher.patterns:
        return False
    return not any(may_be_at_most(pattern, COMPARED)(fact.amount) for pattern in matcher.patterns)


def with_details(event: Event, details: Details | None) -> Event:
    """Return the event with its absent facts filled in from the details.

    Facts that the event has itself stay as they are.
    """
    if details is None:
        return event
    filled = replace(
        event,
        actor=_merged_actor(event.actor, details.actor or Actor()),
        workflow=_with_workflow(event.workflow, details.workflow),
        pull_request=event.pull_request if event.pull_request.is_known else details.pull_request or PullRequest(),
        queue_ms=_first(event.queue_ms, _queue_ms(event, details)),
    )
    return _with_vcs(filled, details.vcs or Vcs())


def _with_workflow(workflow: Workflow, facts: WorkflowFacts | None) -> Workflow:
    if facts is None:
        return workflow
    return replace(
        workflow,
        auto_rerun_number=facts.auto_rerun_number,
        max_auto_reruns=facts.max_auto_reruns,
        is_setup=facts.is_setup,
    )


def _merged_actor(known: Actor, found: Actor) -> Actor:
    if known.id and found.id and known.id != found.id:
        return known  # another person's name on this id would be worse than no name
    return Actor(
        id=_first(known.id, found.id), login=_first(known.login, found.login), name=_first(known.name, found.name)
    )


def _with_vcs(event: Event, vcs: Vcs) -> Event:
    # A pipeline is of a branch or of a tag, never both: the absence of one is a fact once the other is known.
    is_placed = event.branch is not None or event.tag is not None
    return replace(
        event,
        branch=event.branch if is_placed else vcs.branch,
        tag=event.tag if is_placed else vcs.tag,
        revision=_first(event.revision, vcs.revision),
        commit=replace(event.commit, subject=_first(event.commit.subject, vcs.subject)),
    )


def _queue_ms(event: Event, details: Details) -> int | None:
    is_workflow = event.kind is EventKind.WORKFLOW_COMPLETED
    return queue_ms(event.workflow.created_at, details.jobs or ()) if is_workflow else None


def _first(known: T | None, found: T | None) -> T | None:
    return found if known is None else known


@dataclass(frozen=True)
class _MatchResult:
    is_match: bool
    reason: str


def _judge(route: Route, facts: dict[str, Fact], winner: Route | None) -> tuple[Verdict, str]:
    if reason := _not_listening_reason(route, facts):
        return Verdict.NOT_MATCHED, reason
    results = [_test(matcher, facts[matcher.key]) for matcher in route.matchers]
    mismatches = [result.reason for result in results if not result.is_match]
    if not mismatches and not all(fits(matcher, facts[matcher.key]) for matcher in _with_transition(route)):
        mismatches = [f"hears what broke or was fixed only: this run {_UNCHANGED[facts['transition'].shown]}"]
    if mismatches:
        return Verdict.NOT_MATCHED, "; ".join(mismatches)
    if winner is not None:
        return Verdict.PRECEDED, f"route '{winner.name}' came first"
    return Verdict.MATCHED, "; ".join(result.reason for result in results) or "hears every completed workflow"


def _not_listening_reason(route: Route, facts: dict[str, Fact]) -> str:
    """Return the reason why the route ignores this kind of event; else an empty text."""
    if facts["event"].shown == EventKind.PING:
        return "a ping tells of no build, so no route hears it"
    kinds = [matcher for matcher in own_matchers(route) if matcher.key == "event"]
    if all(_test(matcher, facts["event"]).is_match for matcher in kinds):
        return ""
    return f"hears {_join_or(pattern for matcher in kinds for pattern in _all_patterns(matcher))} only"


def _test(matcher: Matcher, fact: Fact) -> _MatchResult:
    subject = f"{matcher.key} {fact.shown}" if fact.spellings else f"this event has no {matcher.key}"
    if (excluded := _first_match(matcher.excluded, fact)) is not None:
        return _MatchResult(False, f"{subject} is excluded by !{excluded}")
    if not matcher.patterns:
        return _MatchResult(True, f"{subject} is not excluded" if fact.spellings else subject)
    if not fact.spellings:
        return _MatchResult(False, subject)
    if (fitting := _first_match(matcher.patterns, fact)) is not None:
        return _MatchResult(True, f"{subject} matches {fitting}")
    return _MatchResult(False, f"{subject} {_mismatch_reason(matcher.patterns)}")


def _first_match(patterns: Iterable[str], fact: Fact) -> str | None:
    return next((pattern for pattern in patterns if _fits(fact, pattern)), None)


def _mismatch_reason(patterns: Sequence[str]) -> str:
    if any(map(has_wildcards, patterns)):
        return f"does not match {', '.join(map(quote, patterns))}"
    return f"is not {_join_or(map(quote, patterns))}"


def _join_or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _all_patterns(matcher: Matcher) -> tuple[str, ...]:
    return (*matcher.patterns, *(f"!{pattern}" for pattern in matcher.excluded))

"""Matches that no event fits, or that say nothing: probably mistakes."""

from collections.abc import Iterator

from service.config.yaml_document import Document
from service.model import Color, Matcher, Route, Transition, color_of
from service.routing.comparisons import COMPARED, split_comparison
from service.routing.decide import fits
from service.routing.match_key import to_fact
from service.routing.match_keys import MATCH_KEYS
from service.routing.run_fact_keys import FAILURE_KEYS

STATUSES = ("success", "failed", "error", "canceled", "unauthorized", "not_run")
"""Those of workflows. CircleCI may add others at any time, whose color is grey."""
_OTHER = "a status to come"
_COLORS = {
    Transition.BROKE: Color.RED,
    Transition.STILL_BROKEN: Color.RED,
    Transition.FIXED: Color.GREEN,
    Transition.PASSED: Color.GREEN,
}
_OF_INCIDENTS = frozenset({"streak", "class", *FAILURE_KEYS})
_LEAST = {"streak": 1.0}


def impossible_matches(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a sentence about each match that no event fits, or that fits any amount."""
    for position, route in enumerate(routes):
        by_key = {matcher.key: matcher for matcher in route.matchers}
        if (claim := _contradiction(by_key)) is not None:
            yield document.problem(("routes", position, "match"), claim)
        for key, matcher in by_key.items():
            for claim in _empty_comparisons(matcher):
                yield document.problem(("routes", position, "match", key), claim)


def _contradiction(by_key: dict[str, Matcher]) -> str | None:
    """Return why keys of a match exclude each other; None if they do not."""
    transitions = fitting(by_key.get("transition"), tuple(_COLORS))
    statuses = fitting(by_key.get("status"), (*STATUSES, _OTHER))
    colors = {color_of(status) for status in statuses}
    if "transition" in by_key and colors.isdisjoint(_COLORS[Transition(one)] for one in transitions):
        return "can never fit: no run of this status has this transition; leave one of the two out"
    needing = sorted(by_key.keys() & _OF_INCIDENTS)
    are_without = colors == {Color.GREY} or ("transition" in by_key and set(transitions) <= {Transition.PASSED})
    if needing and are_without and any(by_key[key].patterns for key in needing):
        return f"can never fit: such a run is part of no incident, and has no {needing[0]}; leave one of the two out"
    return None


def fitting(matcher: Matcher | None, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that a matcher fits; all of them without one."""
    return words if matcher is None else tuple(word for word in words if fits(matcher, to_fact(word)))


def _empty_comparisons(matcher: Matcher) -> Iterator[str]:
    """Yield why comparisons of a key fit no amount at all, or every one."""
    least = _LEAST.get(matcher.key, 0.0)
    for written in matcher.patterns if MATCH_KEYS[matcher.key].units else ():
        sign, limit = split_comparison(written, COMPARED)
        if (sign == "<" and limit <= least) or (sign in {"<=", "="} and limit < least):
            yield f"{written} fits none, since the least is {least:g}; choose a higher one"
        elif sign == ">=" and limit <= 0:
            yield f"{written} fits any amount; choose a higher one or leave it out"

"""What roundsman.yaml may say, but hardly means: sentences to show at the start, which stop nobody."""

from collections.abc import Iterator
from difflib import get_close_matches

from service.config.document import Document
from service.model import EventKind, Route
from service.patterns import ends_like_a_question, find_doubtful_escape, find_doubtful_set, has_wildcards

# CircleCI may add others at any time, so an unknown status is a doubt and no mistake.
_MAY_HOLD_BRACKETS = frozenset({"workflow", "job", "actor", "author"})  # git refuses names of branches and tags with [
_STATUSES = ("success", "failed", "error", "canceled", "unauthorized", "not_run")


def doubts(document: Document, receivers: tuple[str, ...], routes: tuple[Route, ...]) -> tuple[str, ...]:
    """Receivers that hear of nothing, routes that are never reached, statuses misspelt, patterns of two meanings."""
    return (
        *_unused(document, receivers, routes),
        *_unreachable(document, routes),
        *_misspelt(document, routes),
        *_doubtful(document, routes),
    )


def _unused(document: Document, receivers: tuple[str, ...], routes: tuple[Route, ...]) -> Iterator[str]:
    used = {route.receiver for route in routes}
    for name in receivers:
        if name not in used:
            yield document.problem(("receivers", name), "hears of nothing: no route names it")


def _unreachable(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Routes that hear only kinds of event which an earlier one takes all of, and does not pass on."""
    taken: dict[str, str] = {}
    for position, route in enumerate(routes):
        heard = _heard(route)
        if heard <= taken.keys():
            blockers = " and ".join(dict.fromkeys(f"'{taken[kind]}'" for kind in sorted(heard)))
            yield document.problem(("routes", position), f"is never reached: all it hears goes to {blockers} before")
        elif not route.continues and all(matcher.key == "event" for matcher in route.matchers):
            taken = dict.fromkeys(heard, route.name) | taken


def _heard(route: Route) -> frozenset[str]:
    asked = [matcher.patterns for matcher in route.matchers if matcher.key == "event"]
    return frozenset(*asked) if asked else frozenset({EventKind.WORKFLOW_COMPLETED.value})


def _misspelt(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    for position, route in enumerate(routes):
        asked = [matcher.patterns + matcher.excluded for matcher in route.matchers if matcher.key == "status"]
        for doubt in filter(None, (doubt_of_status(status) for statuses in asked for status in statuses)):
            yield document.problem(("routes", position, "match", "status"), doubt)


def _doubtful(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    for position, route in enumerate(routes):
        for matcher in route.matchers:
            written = (*matcher.patterns, *(f"!{pattern}" for pattern in matcher.excluded))
            asked = written if matcher.key in _MAY_HOLD_BRACKETS else ()
            for doubt in filter(None, map(doubt_of_pattern, asked)):
                yield document.problem(("routes", position, "match", matcher.key), doubt)


def doubt_of_pattern(pattern: str) -> str | None:
    """Return a sentence about a pattern that could be meant in another way than it is read; None for any other."""
    if (doubtful := find_doubtful_set(pattern)) is not None:
        return _doubt_of_set(pattern, doubtful)
    if (escape := find_doubtful_escape(pattern)) is not None:
        return f"{pattern} takes {escape} as a plain {escape[1]}; for a backslash before anything write \\\\{escape[1]}"
    if ends_like_a_question(pattern):
        return (
            f"{pattern} fits that name, but also takes ? as any character; for the name alone write '{pattern[:-1]}\\?'"
        )
    return None


def _doubt_of_set(pattern: str, doubtful: str) -> str:
    literal = pattern.replace(doubtful, f"\\{doubtful}", 1)
    is_name = not has_wildcards(pattern.replace(doubtful, "", 1))
    meant = "fits that name, but also takes" if is_name else "takes"
    return f"{pattern} {meant} {doubtful} as one of the characters in it; for the brackets themselves write '{literal}'"


def doubt_of_status(status: str) -> str | None:
    """``faild is not a known status; did you mean failed?``; None when it is one, or like none."""
    likely = [] if status in _STATUSES else get_close_matches(status, _STATUSES, n=1)
    return f"{status} is not a known status; did you mean {likely[0]}?" if likely else None

"""Warnings: entries of roundsman.yaml that are valid, but are probably mistakes.

They are shown at the start, and do not stop it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from service.config.idle_reminders import idle_reminders
from service.config.impossible import STATUSES, impossible_matches
from service.config.shapes import suggest
from service.config.yaml_document import Document
from service.model import EventKind, Route
from service.routing.decide import hears_every_run
from service.routing.match_keys import MATCH_KEYS
from service.routing.patterns import (
    compile_pattern,
    ends_with_question_mark,
    find_ambiguous_escape,
    find_ambiguous_set,
    has_wildcards,
)

# of jobs, by its API, and of approvals
_RARE_STATUSES = ("infrastructure_fail", "timedout", "terminated-unknown", "on_hold", "approved", "retried")
_TRIGGERS = ("webhook", "api", "schedule", "scheduled_pipeline", "explicit", "gitlab", "github_app")  # others exist
_HOSTS = ("gh", "github", "bb", "bitbucket", "circleci")  # the first part of a project's slug
_NAMES_WITH_COMMAS = ("author",)  # "Lovelace, Ada"
_BRACKETS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}")  # such as the parameters of a job's name
_REFS = re.compile("refs/(?:heads|tags)/(?P<name>.+)")
_REPOSITORY = re.compile(r"(?:https?://|git@)?(?P<host>github\.com|bitbucket\.org)[/:](?P<path>.+?)(?:\.git)?/?")


def find_warnings(
    document: Document, receivers: tuple[str, ...], routes: tuple[Route, ...], *, used: Collection[str | None] = ()
) -> tuple[str, ...]:
    """Return a sentence about each entry that is probably a mistake.

    Those are unused receivers, routes that are never reached, misspelled statuses and ambiguous patterns.

    used   receivers that others than routes name
    """
    return (
        *_unused_receivers(document, [name for name in receivers if name not in used], routes),
        *_unreachable_routes(document, routes),
        *_leftovers(document, routes),
        *idle_reminders(document, routes),
        *_misspelled(document, routes),
        *impossible_matches(document, routes),
        *_unlisted(document, routes),
        *_ambiguous(document, routes),
    )


def _unused_receivers(document: Document, receivers: Sequence[str], routes: tuple[Route, ...]) -> Iterator[str]:
    used = {route.receiver for route in routes}
    for name in receivers:
        if name not in used:
            yield document.problem(("receivers", name), "hears of nothing: no route names it")


def _unreachable_routes(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a warning for each route that no event reaches.

    An earlier route takes all events of the kinds that it matches, and does not continue.
    """
    taken: dict[str, str] = {}
    for position, route in enumerate(routes):
        kinds = _event_kinds(route)
        if kinds <= taken.keys():
            blockers = " and ".join(dict.fromkeys(f"'{taken[kind]}'" for kind in sorted(kinds)))
            yield document.problem(("routes", position), f"is never reached: all it hears goes to {blockers} before")
        elif not route.continues and hears_every_run(route) and {m.key for m in route.matchers} <= {"event"}:
            taken = dict.fromkeys(kinds, route.name) | taken


def _leftovers(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a warning for each route that hears the runs that one above it leaves.

    The one above hears changes of some builds; this one hears every run of them, also those that changed nothing.
    """
    for position, route in enumerate(routes):
        wanted = {matcher for matcher in route.matchers if matcher.key not in {"status", "event"}}
        if not hears_every_run(route) or EventKind.WORKFLOW_COMPLETED not in _event_kinds(route):
            continue
        for above in routes[:position]:
            if not above.continues and not hears_every_run(above) and wanted <= set(above.matchers):
                left = f"hears the runs that '{above.name}' leaves too: what stays red or green"
                yield document.problem(("routes", position), f"{left}; `transition` here, or `status` there, ends that")
                break


def _event_kinds(route: Route) -> frozenset[str]:
    asked = [matcher.patterns for matcher in route.matchers if matcher.key == "event"]
    return frozenset(*asked) if asked else frozenset({EventKind.WORKFLOW_COMPLETED.value})


def _misspelled(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    for position, route in enumerate(routes):
        for matcher in route.matchers:
            warn = _WARNINGS_BY_KEY.get(matcher.key, lambda _: None)
            for warning in filter(None, map(warn, (*matcher.patterns, *matcher.excluded))):
                yield document.problem(("routes", position, "match", matcher.key), warning)


def _unlisted(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a warning for each pattern that was meant as a list, probably.

    Such as ``branch: main, release/*``.
    """
    for position, route in enumerate(routes):
        for matcher in route.matchers:
            patterns = (*matcher.patterns, *matcher.excluded) if matcher.key not in _NAMES_WITH_COMMAS else ()
            for pattern in filter(_has_comma, patterns):
                place = ("routes", position, "match", matcher.key)
                yield document.problem(place, f"{pattern} is one pattern; for a list write {_as_list(pattern)}")


def _has_comma(pattern: str) -> bool:
    return "," in _BRACKETS.sub("", pattern)


def _as_list(pattern: str, separator: str | None = ",") -> str:
    parts = (part.strip() for part in pattern.split(separator))
    return f"[{', '.join(_in_yaml(part) for part in parts if part)}]"


def _in_yaml(word: str) -> str:
    return word if re.fullmatch(r"[\w][\w./-]*", word) else f"'{word}'"


def _ambiguous(document: Document, routes: tuple[Route, ...]) -> Iterator[str]:
    for position, route in enumerate(routes):
        for matcher in route.matchers:
            written = (*matcher.patterns, *(f"!{pattern}" for pattern in matcher.excluded))
            asked = written if MATCH_KEYS[matcher.key].may_hold_brackets else ()
            for warning in filter(None, map(pattern_warning, asked)):
                yield document.problem(("routes", position, "match", matcher.key), warning)


def pattern_warning(pattern: str) -> str | None:
    """Return a sentence about an ambiguous pattern; None for any other.

    It may be meant in another way than it is read.
    """
    if (ambiguous := find_ambiguous_set(pattern)) is not None:
        return _set_warning(pattern, ambiguous)
    if (escape := find_ambiguous_escape(pattern)) is not None:
        return f"{pattern} takes {escape} as a plain {escape[1]}; for a backslash before anything write \\\\{escape[1]}"
    if ends_with_question_mark(pattern):
        return (
            f"{pattern} fits that name, but also takes ? as any character; for the name alone write '{pattern[:-1]}\\?'"
        )
    return None


def _set_warning(pattern: str, ambiguous: str) -> str:
    literal = pattern.replace(ambiguous, f"\\{ambiguous}", 1)
    is_name = not has_wildcards(pattern.replace(ambiguous, "", 1))
    meant = "fits that name, but also takes" if is_name else "takes"
    return (
        f"{pattern} {meant} {ambiguous} as one of the characters in it; for the brackets themselves write '{literal}'"
    )


def status_warning(status: str) -> str | None:
    """Return a sentence about an unknown status; None if it fits a known one.

    Such as ``faild is not a known status; did you mean failed?``.
    """
    if any(map(compile_pattern(status), STATUSES + _RARE_STATUSES)):
        return None
    return f"{status} is not a known status; {suggest(status.lower(), STATUSES)}"


def _project_warning(pattern: str) -> str | None:
    if repository := _REPOSITORY.fullmatch(pattern):
        host = {"github.com": "gh", "bitbucket.org": "bb"}[repository["host"]]
        return f"{pattern} is an address and not a project; did you mean {host}/{repository['path']}?"
    first, slash, rest = pattern.partition("/")
    if slash and first not in _HOSTS and first.lower() in _HOSTS:
        return f"{pattern} fits no project, since case counts; did you mean {first.lower()}/{rest}?"
    if has_wildcards(pattern):
        return None
    if not slash:
        return (
            f"{pattern} fits no project, since it names no organization; did you mean '*/{pattern}', or org: {pattern}?"
        )
    if rest.endswith("/") or (first in _HOSTS and "/" not in rest):
        return f"{pattern} fits no project, since it names none; did you mean {pattern.rstrip('/')}/*?"
    return None


def _org_warning(pattern: str) -> str | None:
    if "/" not in pattern or has_wildcards(pattern):
        return None
    name = next((part for part in pattern.split("/") if part and part not in _HOSTS), None)
    return f"{pattern} fits no organization, since no name of one has a slash; did you mean {name or '*'}?"


def _ref_warning(pattern: str) -> str | None:
    if " " in pattern and not _has_comma(pattern):  # most likely a list that lost its comma
        return f"{pattern} fits none, since no name of one has a space; for a list write {_as_list(pattern, None)}"
    ref = _REFS.fullmatch(pattern)
    return f"{pattern} is a ref, and CircleCI gives the name alone; did you mean {ref['name']}?" if ref else None


def _trigger_warning(pattern: str) -> str | None:
    if pattern in _TRIGGERS or not (likely := get_close_matches(pattern.lower(), _TRIGGERS, n=1, cutoff=0.8)):
        return None
    return f"{pattern} is not a known trigger; did you mean {likely[0]}?"


_WARNINGS_BY_KEY: Mapping[str, Callable[[str], str | None]] = {
    "status": status_warning,
    "project": _project_warning,
    "org": _org_warning,
    "branch": _ref_warning,
    "tag": _ref_warning,
    "trigger": _trigger_warning,
}
"""The warnings about a pattern, by its match key; a workflow or a job may have any text as its name."""

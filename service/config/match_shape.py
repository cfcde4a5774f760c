"""The schema of ``match:``: its keys are the match keys, each with its own values."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, create_model, field_validator

from service.config.addresses import not_empty
from service.config.shapes import Shape, as_text, suggest
from service.model import EventKind
from service.routing.comparisons import compile_comparison
from service.routing.match_key import MatchKey
from service.routing.match_keys import MATCH_KEYS
from service.routing.patterns import has_closed_brackets
from service.routing.run_fact_keys import BOOLEANS

HOOK_EVENTS = (EventKind.WORKFLOW_COMPLETED.value, EventKind.JOB_COMPLETED.value)
MATCHED_EVENTS = tuple(kind.value for kind in EventKind if kind is not EventKind.PING)
OF_JOBS = frozenset({EventKind.JOB_COMPLETED.value, EventKind.WORKFLOW_HELD.value})


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else not_empty(value)


def _pattern(written: str) -> str:
    glob = written.removeprefix("!").strip()
    if not glob:
        raise ValueError("is an empty pattern; write what to match, or * for anything")
    if not has_closed_brackets(glob):
        raise ValueError(f"{written} opens a [ that no ] closes; write [[] for the plain character")
    return written


def _event(written: str) -> str:
    if written not in MATCHED_EVENTS:
        raise ValueError(f"{written} is not an event; {suggest(written, MATCHED_EVENTS)}")
    return written


def _hook_event(written: str) -> str:
    if written not in HOOK_EVENTS:
        raise ValueError(f"{written} is not an event; {suggest(written, HOOK_EVENTS)}")
    return written


def _status(written: str) -> str:
    if written.removeprefix("!") == "cancelled":
        raise ValueError("cancelled never happens: CircleCI spells it canceled")
    return written


OneOrMore = BeforeValidator(_as_list)
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], OneOrMore]
Statuses = Annotated[tuple[Annotated[Pattern, AfterValidator(_status)], ...], OneOrMore]
HookEvents = Annotated[tuple[Annotated[str, AfterValidator(_hook_event)], ...], OneOrMore]
Events = Annotated[tuple[Annotated[str, AfterValidator(_event)], ...], OneOrMore]


def _require_job_events(cls: type, value: object, info: ValidationInfo[Any]) -> object:
    if "event" in info.data and not OF_JOBS.intersection(info.data["event"] or ()):
        raise ValueError("can never match, since the route hears workflows only; add event: job-completed")
    return value


def _require_workflow_events(cls: type, value: object, info: ValidationInfo[Any]) -> object:
    if found := OF_JOBS.intersection(info.data.get("event") or ()):
        raise ValueError(f"fits no job; leave out event: {min(found)}")
    return value


def _require_build_events(cls: type, value: object, info: ValidationInfo[Any]) -> object:
    if EventKind.SETTINGS_CHANGED.value in (info.data.get("event") or ()):
        raise ValueError(
            "fits no settings, which go by org and project; leave out event: settings-changed, or give it its own route"
        )
    return value


def _as_texts(written: object) -> object:
    return _as_list([as_text(one) for one in written] if isinstance(written, list) else as_text(written))


def _list_of(check: Callable[[str], str]) -> Any:  # a type
    """Return the type of a list of texts which are checked one by one."""
    return Annotated[tuple[Annotated[str, AfterValidator(check)], ...], BeforeValidator(_as_texts)]


def _comparison(written: str, units: tuple[str, ...]) -> str:
    compile_comparison(written.removeprefix("!"), units)
    return written


def _value(written: str, name: str, values: tuple[str, ...]) -> str:
    if written.removeprefix("!") in values:
        return written
    if values == BOOLEANS:
        raise ValueError(f"{written} is neither true nor false; write one of them")
    raise ValueError(f"{written} is no {name}; there are {', '.join(values)}")


def _pull_request(written: str) -> str:
    if re.fullmatch("!?#[0-9]+", written):
        raise ValueError(f"{written} has a sign that no number has; write {written.replace('#', '')}")
    return _pattern(written)


def _type_of(name: str, key: MatchKey) -> Any:  # a type
    if key.units:
        return _list_of(partial(_comparison, units=key.units))
    if key.values:
        return _list_of(partial(_value, name=name, values=key.values))
    return _TYPES.get(name, Patterns)


_TYPES: dict[str, Any] = {"event": Events, "status": Statuses, "pr": _list_of(_pull_request)}
_BUILD_KEYS = [name for name in MATCH_KEYS if name not in {"event", "org", "project"}]
_RUN_KEYS = [name for name, key in MATCH_KEYS.items() if key.is_judged or key.is_of_runs]
_JOB_KEYS = [name for name, key in MATCH_KEYS.items() if key.needs_jobs]

_FIELDS: dict[str, Any] = {
    name: (_type_of(name, key) | None, Field(default=None, description=key.sentence))
    for name, key in MATCH_KEYS.items()
}

MatchShape = create_model(
    "MatchShape",
    __base__=Shape,
    __doc__="The tests that a route makes of an event: each key that is given must fit.",
    __validators__={
        "_require_build_events": field_validator(*_BUILD_KEYS)(_require_build_events),
        "_require_job_events": field_validator(*_JOB_KEYS)(_require_job_events),
        "_require_workflow_events": field_validator(*_RUN_KEYS)(_require_workflow_events),
    },
    **_FIELDS,
)

"""The schema of roundsman.yaml: its keys, and the values that each may hold.

The message of a validator is a claim about the value's place: "is empty; ...". ``config_file`` puts file, line and
place before it.
"""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
)

from service.config.active_hours import ActiveShape, timezone_name
from service.config.addresses import Addresses, not_empty
from service.config.known_problems import KnownProblemShape
from service.config.operators import OperatorsShape
from service.config.people import Mentions, PersonShape
from service.config.projects import ProjectPattern, ProjectShape
from service.config.reminders import EscalateShape, Repeat
from service.config.route_tests import RouteTestShape
from service.config.shapes import Shape, heard_receiver_name, receiver_name, suggest
from service.config.templates import BodyTemplate, HeadlineTemplate
from service.model import AUTHOR, EventKind, Transition
from service.routing.comparisons import compile_comparison
from service.routing.cron import parse_cron
from service.routing.match_keys import JUDGED_KEYS, MATCH_KEYS
from service.routing.patterns import has_closed_brackets

MATCHED_EVENTS = (EventKind.WORKFLOW_COMPLETED.value, EventKind.JOB_COMPLETED.value)
_GLOB = re.compile(r"[*?\[\]]|^!")  # no git server allows these in a name
_SLUG = re.compile(r"[^/\s]+/[^/\s]+/[^/\s]+")


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


def _status(written: str) -> str:
    if written.removeprefix("!") == "cancelled":
        raise ValueError("cancelled never happens: CircleCI spells it canceled")
    return written


def project_slug(slug: str) -> str:
    """Return the slug of one project unchanged.

    Raises ValueError for a pattern, and for a text that cannot be a slug.
    """
    if _GLOB.search(slug):
        raise ValueError(f"{slug} is a pattern, and each hook is of one project; write the projects one by one")
    if not _SLUG.fullmatch(slug):
        raise ValueError(f"{slug} is not a project slug; write it as CircleCI does, like gh/acme/web")
    return slug


OneOrMore = BeforeValidator(_as_list)
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], OneOrMore]
Statuses = Annotated[tuple[Annotated[Pattern, AfterValidator(_status)], ...], OneOrMore]
Events = Annotated[tuple[Annotated[str, AfterValidator(_event)], ...], OneOrMore]


def _require_job_events(cls: type, value: object, info: ValidationInfo[Any]) -> object:
    if "event" in info.data and EventKind.JOB_COMPLETED not in (info.data["event"] or ()):
        raise ValueError("can never match, since the route hears workflows only; add event: job-completed")
    return value


def _require_workflow_events(cls: type, value: object, info: ValidationInfo[Any]) -> object:
    if EventKind.JOB_COMPLETED in (info.data.get("event") or ()):
        raise ValueError("fits no job; leave out event: job-completed")
    return value


def _comparisons(units: tuple[str, ...]) -> Any:  # a type
    """Return the type of a list of comparisons in these units."""

    def check(written: str) -> str:
        compile_comparison(written.removeprefix("!"), units)
        return written

    return Annotated[tuple[Annotated[str, BeforeValidator(_number_as_text), AfterValidator(check)], ...], OneOrMore]


def _number_as_text(written: object) -> object:
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


def _transition(written: str) -> str:
    known = [one.value for one in Transition if one is not Transition.NONE]
    if written.removeprefix("!") not in known:
        raise ValueError(f"{written} is no transition; there are {', '.join(known)}")
    return written


Transitions = Annotated[tuple[Annotated[str, AfterValidator(_transition)], ...], OneOrMore]
_TYPES: dict[str, Any] = {"event": Events, "status": Statuses, "transition": Transitions} | {
    name: _comparisons(key.units) for name, key in MATCH_KEYS.items() if key.units
}
_JOB_KEYS = [name for name, key in MATCH_KEYS.items() if key.needs_jobs]

_FIELDS: dict[str, Any] = {
    name: (_TYPES.get(name, Patterns) | None, Field(default=None, description=key.sentence))
    for name, key in MATCH_KEYS.items()
}

MatchShape = create_model(
    "MatchShape",
    __base__=Shape,
    __doc__="The tests that a route makes of an event: each key that is given must fit.",
    __validators__={
        "_require_job_events": field_validator(*_JOB_KEYS)(_require_job_events),
        "_require_workflow_events": field_validator(*JUDGED_KEYS)(_require_workflow_events),
    },
    **_FIELDS,
)


class RouteShape(Shape):
    """A route: the tests, and the receiver of the events that pass them."""

    name: str | None = Field(default=None, min_length=1)
    match: MatchShape = MatchShape()  # type: ignore[valid-type]  # reason: made from the table of keys
    receiver: Annotated[str, AfterValidator(heard_receiver_name)]
    mention: Mentions = ()
    continues: bool = Field(default=False, alias="continue")
    active: ActiveShape | None = None
    urgent: bool = False
    log: bool = False
    repeat: Repeat | None = None
    escalate: EscalateShape | None = None


class ReceiverShape(Shape):
    """A named group of channels."""

    channels: Addresses
    headline: HeadlineTemplate | None = None
    body: BodyTemplate | None = None


class HookShape(Shape):
    """A hook that CircleCI should have at a project."""

    project: Annotated[str, AfterValidator(project_slug)]
    name: str = Field(default="Roundsman", min_length=1)
    events: Events = MATCHED_EVENTS


def _without_author(value: object) -> object:
    if isinstance(value, dict) and AUTHOR in value:
        raise ValueError(f"has one called {AUTHOR}, a reserved name: the channels of a commit's author; rename it")
    return value


Receivers = Annotated[dict[str, ReceiverShape], BeforeValidator(_without_author)]


def _cron(written: str) -> str:
    parse_cron(written)
    return written


class DigestShape(Shape):
    """A summary for a receiver, at set times."""

    name: str = Field(min_length=1, max_length=100)
    cron: Annotated[str, AfterValidator(_cron)]
    timezone: Annotated[str, Field(min_length=1), AfterValidator(timezone_name)] = "UTC"
    match: MatchShape = MatchShape()  # type: ignore[valid-type]  # reason: made from the table of keys
    receiver: Annotated[str, AfterValidator(receiver_name)]
    skip_empty: bool = False


class FileShape(Shape):
    """The whole of roundsman.yaml."""

    receivers: Receivers
    routes: tuple[RouteShape, ...]
    hooks: tuple[HookShape, ...] = ()
    operators: OperatorsShape | None = None
    known_problems: tuple[KnownProblemShape, ...] = ()
    tests: tuple[RouteTestShape, ...] = ()
    people: dict[str, PersonShape] = Field(default_factory=dict)
    digests: tuple[DigestShape, ...] = ()
    projects: dict[ProjectPattern, ProjectShape] = Field(default_factory=dict)

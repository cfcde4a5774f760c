"""The schema of roundsman.yaml: its keys, and the values that each may hold.

The message of a validator is a claim about the value's place: "is empty; ...". ``config_file`` puts file, line and
place before it.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from service.config.act_links import ActLinksFor
from service.config.active_hours import ActiveShape, timezone_name
from service.config.addresses import Addresses
from service.config.audit import AuditShape
from service.config.budgets import BudgetShape
from service.config.groups import GroupShape
from service.config.hooked_projects import HookProjects
from service.config.known_problems import KnownProblemShape
from service.config.match_shape import HOOK_EVENTS, HookEvents, MatchShape
from service.config.operators import OperatorsShape
from service.config.people import Mentions, PersonShape
from service.config.projects import ProjectPattern, ProjectShape
from service.config.reminders import EscalateShape, Repeat
from service.config.route_tests import RouteTestShape
from service.config.schedules import ScheduleShape
from service.config.shapes import Shape, heard_receiver_name, receiver_name
from service.config.templates import BodyTemplate, HeadlineTemplate
from service.model import AUTHOR
from service.routing.cron import parse_cron
from service.routing.match_keys import FACT_KEYS


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
    group: GroupShape | None = None
    act_links: ActLinksFor | None = None


class ReceiverShape(Shape):
    """A named group of channels."""

    channels: Addresses
    headline: HeadlineTemplate | None = None
    body: BodyTemplate | None = None


class HookShape(Shape):
    """A hook that CircleCI should have at a project, or at each that patterns fit."""

    project: HookProjects
    name: str = Field(default="Roundsman", min_length=1)
    events: HookEvents = HOOK_EVENTS


def _without_author(value: object) -> object:
    if isinstance(value, dict) and AUTHOR in value:
        raise ValueError(f"has one called {AUTHOR}, a reserved name: the channels of a commit's author; rename it")
    return value


Receivers = Annotated[dict[str, ReceiverShape], BeforeValidator(_without_author)]


def _cron(written: str) -> str:
    parse_cron(written)
    return written


def _of_digest(match: Any) -> Any:
    if named := [name for name in FACT_KEYS if getattr(match, name) is not None]:
        claim = f"names {min(named)}, which is worked out at a run's judgment, not for a whole time; leave it out"
        raise ValueError(claim)
    return match


class DigestShape(Shape):
    """A summary for a receiver, at set times."""

    name: str = Field(min_length=1, max_length=100)
    cron: Annotated[str, AfterValidator(_cron)]
    timezone: Annotated[str, Field(min_length=1), AfterValidator(timezone_name)] = "UTC"
    match: Annotated[MatchShape, AfterValidator(_of_digest)] = MatchShape()  # type: ignore[valid-type]  # reason: made from the table of keys
    receiver: Annotated[str, AfterValidator(receiver_name)]
    skip_empty: bool = False


class FileShape(Shape):
    """The whole of roundsman.yaml."""

    receivers: Receivers
    routes: tuple[RouteShape, ...]
    hooks: tuple[HookShape, ...] = ()
    schedules: tuple[ScheduleShape, ...] = ()
    operators: OperatorsShape | None = None
    audit: AuditShape | None = None
    known_problems: tuple[KnownProblemShape, ...] = ()
    tests: tuple[RouteTestShape, ...] = ()
    people: dict[str, PersonShape] = Field(default_factory=dict)
    digests: tuple[DigestShape, ...] = ()
    budgets: tuple[BudgetShape, ...] = ()
    projects: dict[ProjectPattern, ProjectShape] = Field(default_factory=dict)

"""Tests of routes, under ``tests:`` of roundsman.yaml."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, create_model

from service.config.hooked_projects import NO_SLUG
from service.config.shapes import Shape, as_text, receiver_name, suggest
from service.errors import BadRequest
from service.model import TEST_DAY, Event, EventKind, ExpectedMessage, GivenRun, News, RouteTest
from service.routing.match_key import MatchKey
from service.routing.match_keys import FACT_KEYS, JUDGED_KEYS, MATCH_KEYS, SLUG

_HOUR = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_KINDS = tuple(EventKind)
_BLANK = Event(
    id=UUID(int=0),
    kind=EventKind.WORKFLOW_COMPLETED,
    source_event_id="test",
    happened_at=TEST_DAY,
    received_at=TEST_DAY,
)
_NEWS = ("broke", "still_broken", "fixed", "passed", "none", News.SUMMARY.value)


def _time(written: object) -> datetime:
    """Return the time of ``10:00`` on the day of tests, or of a date and time."""
    text = str(written).strip()
    if found := _HOUR.fullmatch(text):
        return TEST_DAY + timedelta(hours=int(found[1]), minutes=int(found[2]))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'{text} is not a time; write "10:00" or 2026-01-05T10:00:00Z') from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def _kind(written: str) -> str:
    if written not in _KINDS:
        raise ValueError(f"{written} is not an event; {suggest(written, _KINDS)}")
    return written


def _slug(written: str) -> str:
    if not SLUG.fullmatch(written):
        raise ValueError(NO_SLUG.format(written))
    return written


def _transition(written: str) -> str:
    if written not in _NEWS:
        raise ValueError(f"{written} is not a transition; {suggest(written, _NEWS)}")
    return written


def _value_of(key: MatchKey) -> Any:  # a type
    """Return the type of a value which the match key takes of a run."""

    def check(written: str) -> str:
        try:
            key.put(_BLANK, written)
        except BadRequest as error:
            raise ValueError(str(error)) from None
        return written

    return Annotated[str, BeforeValidator(as_text), AfterValidator(check)]


Time = Annotated[datetime, BeforeValidator(_time)]
_TYPES: dict[str, Any] = {
    "event": Annotated[str, AfterValidator(_kind)],
    "project": Annotated[str, AfterValidator(_slug)],
} | {name: _value_of(key) for name, key in MATCH_KEYS.items() if key.units or key.values}
_WORKED_OUT = JUDGED_KEYS - FACT_KEYS  # by the order of the runs, so that they are not given
_FACTS: dict[str, Any] = {
    name: (_TYPES.get(name, str) | None, Field(default=None, description=key.sentence))
    for name, key in MATCH_KEYS.items()
    if name not in _WORKED_OUT and name != "status"
}

GivenShape = create_model(
    "GivenShape",
    __base__=Shape,
    __doc__="A run that ends.",
    status=(str, ...),
    at=(Time, ...),
    pipeline=(Annotated[int, Field(ge=1)] | None, None),
    **_FACTS,
)


class ExpectShape(Shape):
    """A message that a receiver must get."""

    receiver: Annotated[str, AfterValidator(receiver_name)]
    transition: Annotated[str, AfterValidator(_transition)] | None = None
    route: str | None = None
    at: Time | None = None


class RouteTestShape(Shape):
    """A test of the routes: what is given, and all that must be sent."""

    name: str = Field(min_length=1)
    given: tuple[GivenShape, ...] = Field(min_length=1)  # type: ignore[valid-type]  # reason: made from a table
    expect: tuple[ExpectShape, ...]


def shape_of(part: Sequence[str | int]) -> type[BaseModel]:
    """Return the shape of a test, or of a part of it: the path from the test on."""
    match part:
        case ("given", _):
            return GivenShape
        case ("expect", _):
            return ExpectShape
        case _:
            return RouteTestShape


def to_route_test(shape: RouteTestShape) -> RouteTest:
    """Return a test as the rest of the service knows it."""
    return RouteTest(
        name=shape.name,
        given=tuple(map(_given, shape.given)),
        expect=tuple(ExpectedMessage(**vars(one)) for one in shape.expect),
    )


def _given(shape: Any) -> GivenRun:
    facts = {name: value for name, value in vars(shape).items() if name in MATCH_KEYS and value is not None}
    return GivenRun(facts=facts, at=shape.at, pipeline=shape.pipeline)

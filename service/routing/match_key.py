"""The form of a match key: one key under ``match:`` of a route."""

from collections.abc import Callable
from dataclasses import dataclass

from service.errors import BadRequest
from service.model import DetailKind, Event
from service.routing.patterns import to_nfc


@dataclass(frozen=True)
class Fact:
    """The value of an event under one key.

    shown       the spelling to show to people; empty for an absent value
    spellings   every spelling that a pattern may fit, in NFC; none for an absent value
    amount      of a key with units: the number to compare, a time in seconds
    is_at_most  the amount is not known, but is no more than this
    """

    shown: str
    spellings: tuple[str, ...]
    amount: float | None = None
    is_at_most: bool = False


def nothing_to_ask(_: Event) -> frozenset[DetailKind]:
    """Return no detail: the event has all that can be known."""
    return frozenset()


@dataclass(frozen=True, kw_only=True)
class SearchFilter:
    """The filter by a key: on the builds page, in the API and in ``events list``.

    columns    the columns of the table of events that hold the spellings of a value
    sentence   its documentation
    values     the values to choose from; else any text
    """

    columns: tuple[str, ...]
    sentence: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MatchKey:
    """One key under ``match:``.

    sentence           its documentation
    read               returns the value of an event under it
    put                returns the event with another value; None for an absent one
    find_details       returns the details that could fill in an absent value of this event
    needs_jobs         only jobs have this fact: a route that tests it must match job events
    units              of an amount, whose patterns are comparisons such as ``>= 3``; none for a text
    values             the only words that there are; none: any text
    is_judged          it is known once the run was judged, and not before
    is_of_runs         jobs do not have it: a match that names it hears workflows only
    is_worked_out      it is worked out from what is on record, and only where a route or a silence names it
    when_unknown       its value if it could not be known in time; None: an absent one, which fits exclusions only
    may_hold_brackets  real values may hold a [, which opens a set in a pattern; git refuses names of refs with one
    search             its filter of events; None: events are not searched by it
    """

    name: str
    sentence: str
    read: Callable[[Event], Fact]
    put: Callable[[Event, str | None], Event]
    find_details: Callable[[Event], frozenset[DetailKind]] = nothing_to_ask
    needs_jobs: bool = False
    units: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    is_judged: bool = False
    is_of_runs: bool = False
    is_worked_out: bool = False
    when_unknown: str | None = None
    may_hold_brackets: bool = False
    search: SearchFilter | None = None


def to_fact(*spellings: str | None) -> Fact:
    """Return the value with these spellings; None for one that is absent."""
    known = dict.fromkeys(spelling for spelling in spellings if spelling is not None)
    return Fact(" / ".join(known), tuple(map(to_nfc, known)))


def require_value(name: str, value: str | None, values: tuple[str, ...]) -> None:
    """Raise BadRequest unless a value is one of those that there are, or absent."""
    if value is not None and value not in values:
        raise BadRequest(f"{value!a} is not a value of {name}; there are {', '.join(values)}")

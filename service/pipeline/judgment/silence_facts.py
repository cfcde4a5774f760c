"""The facts of runs that silences name, beside those that routes name.

A silence is asked as a route is: what its matchers need of CircleCI is known before a run is decided on, and what is
worked out is worked out where its other matchers fit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from service.db.tables import Transaction
from service.model import DetailKind, Event, KnownProblem, Matcher, Route, Silence, SilenceState
from service.pipeline.context import Context
from service.pipeline.judgment.run_facts import RunFactsFinder
from service.pipeline.plans import PendingDecision
from service.routing.match_key import nothing_to_ask
from service.routing.match_keys import FACT_KEYS, MATCH_KEYS
from service.routing.route_index import RouteIndex
from service.routing.silences import find_silence
from service.store.events import decisions, events
from service.store.incidents import silences


def index_of(wanted: Iterable[Silence], now: datetime) -> RouteIndex | None:
    """Return an index of the active silences that name facts to ask for, or work out.

    None: there is none.
    """
    active = [one for one in wanted if one.state(now) is SilenceState.ACTIVE]
    routes = [_as_route(one) for one in active if any(map(_is_to_find, one.matchers))]
    return RouteIndex(routes) if routes else None


def _is_to_find(matcher: Matcher) -> bool:
    return matcher.key in FACT_KEYS or MATCH_KEYS[matcher.key].find_details is not nothing_to_ask


def _as_route(silence: Silence) -> Route:
    """Return a silence as a route: it fits jobs and workflows, and is one of several."""
    of_any = () if any(one.key == "event" for one in silence.matchers) else (Matcher(key="event", patterns=()),)
    return Route(name=str(silence.id), receiver="", matchers=(*of_any, *silence.matchers), continues=True)


def active_index(transaction: Transaction, now: datetime) -> RouteIndex | None:
    """Return the index of the silences that are active now."""
    return index_of(silences.unexpired(transaction, now), now)


def missing_facts(routes: RouteIndex, quiet: RouteIndex | None, event: Event) -> frozenset[DetailKind]:
    """Return the details that must be known before an event is decided on.

    Those that silences name count where a route may match: else there is nothing to silence.
    """
    wants = routes.missing_facts(event)
    if quiet is None or not (wants or routes.may_match(event)):
        return wants
    return wants | quiet.missing_facts(event)


def silence_of(
    transaction: Transaction, context: Context, event: Event, *, quiet: Sequence[Silence], now: datetime
) -> Silence | None:
    """Return the silence that fits an event of the past, as ``find_silence`` does."""
    if asked := index_of(quiet, now):
        [event] = with_facts(transaction, [event], quiet=asked, from_file=context.known_problems, now=now)
    return find_silence(event, quiet, now)


def with_facts(
    transaction: Transaction,
    recorded: Sequence[Event],
    *,
    quiet: RouteIndex,
    from_file: Sequence[KnownProblem],
    now: datetime,
) -> list[Event]:
    """Return events of the past with the facts that silences name.

    What was worked out at the judgment counts, and of a class what it is now.

    from_file   the known problems of roundsman.yaml
    """
    keys = {event.id: quiet.fact_keys(event) for event in recorded if event.run}
    asked = {event_id for event_id, named in keys.items() if named}
    judged, details = decisions.find_all(transaction, asked), events.find_all_details(transaction, list(asked))
    finder = RunFactsFinder(transaction, from_file, now)

    def fill(event: Event) -> Event:
        before = next((one.notes.facts for one in judged[event.id] if one.notes.facts), event.facts)
        given = replace(event, facts=replace(before, klass=None) if before else None)
        return finder.fill(PendingDecision.of_past(given, details.get(event.id)), keys[event.id])

    return [fill(event) if event.id in asked else event for event in recorded]

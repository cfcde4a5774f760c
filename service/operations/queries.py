"""Queries of events with their details, decisions, notifications and deliveries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import (
    Action,
    DeliveryState,
    Event,
    EventKind,
    Judgment,
    Notification,
    NotificationState,
    Transition,
)
from service.operations import search_text
from service.operations.builds.evidence import show_evidence
from service.operations.builds.span_story import spans_of_event
from service.operations.json_shapes import (
    Json,
    action_json,
    decision_json,
    delivery_json,
    details_json,
    event_json,
    notification_json,
    refusal_json,
    rfc3339,
)
from service.operations.time_filters import to_time
from service.routing.explain import explain
from service.routing.match_keys import SEARCH_FILTERS
from service.routing.news import news_key
from service.store.audit import actions
from service.store.deliveries import deliveries, refusals
from service.store.events import decisions, event_search, events
from service.store.events.filters import Search
from service.store.notifications import notifications, summaries
from service.text import clean

MAX_PAGE_SIZE = 200
MAX_VALUES = 20  # of one filter: each value costs an index scan of its own
FIXED_FILTERS = ("by", "transition", "event", "told", "since", "until", "q")
SEARCHABLE = (*SEARCH_FILTERS, *FIXED_FILTERS)
TOLD_VALUES = ("none", "any")
NAMED_FILTERS = tuple(name for name in SEARCHABLE if name != "q")
"""The filters that may stand in the text of a search, as ``name:value``."""
EVERY_KIND = "any"
EVENT_VALUES = (*EventKind, EVERY_KIND)
SINGLE_VALUED = frozenset({"since", "until", "q", "limit", "cursor"})
"""Parameters that may be given once; every other filter matches any of its values."""


def to_id(text: str) -> UUID:
    """Parse a full id. Raises BadRequest."""
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest(f"{text!a} is not an id; ids look like 3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e") from error


def list_events(transaction: Transaction, search: Search, *, limit: int = 50, cursor: str | None = None) -> Json:
    """Return one page of events, newest first.

    The shape is ``{"items": [...], "next": ..., "looked_back_to": ..., "partial": [...]}``. ``looked_back_to`` is the
    time that the search reached, if it found too few events to fill the page; ``next`` goes on from there. ``partial``
    has a sentence for each reason why events may be missing. Raises BadRequest.
    """
    return to_list(transaction, search, find_events(transaction, search, limit=limit, cursor=cursor))


def to_list(transaction: Transaction, search: Search, page: event_search.Page) -> Json:
    """Return the shape of a page of events that a search found."""
    return {
        "items": [event_json(event) for event in page.items],
        "next": page.next,
        "looked_back_to": rfc3339(page.looked_back_to) if page.looked_back_to else None,
        "partial": find_gaps(transaction, search),
    }


def find_gaps(transaction: Transaction, search: Search) -> list[str]:
    """Return a sentence for each reason why the result may lack matching events."""
    if not search.names.get("actor") and not search.by:
        return []
    known, looked = event_search.known_actors(transaction, search)
    if known == looked < event_search.SAMPLE:
        return []
    of_those = f"of {known} of the newest {looked} events in this span" if looked else "of no event in this span"
    return [f"the actor is known only where CircleCI was asked: {of_those}; author finds the commit's author"]


def find_events(
    transaction: Transaction,
    search: Search,
    *,
    limit: int,
    cursor: str | None,
    scan_limits: Sequence[int] = event_search.SCAN_LIMITS,
) -> event_search.Page:
    """Return one page of events, newest first. Raises BadRequest.

    scan_limits   the number of entries that are read for it, in steps
    """
    require_limit(limit)
    return event_search.search(transaction, search, limit=limit, cursor=cursor, scan_limits=scan_limits)


def require_limit(limit: int) -> None:
    """Raise BadRequest unless the limit is from 1 to MAX_PAGE_SIZE."""
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_PAGE_SIZE}")


def notifications_by_news(transaction: Transaction, topics: Collection[str]) -> Mapping[str, Sequence[Notification]]:
    """Return the notifications of each topic, also those that another event created.

    Events with the same news have the same topic.
    """
    found = notifications.of_topics(transaction, topics)
    return {topic: [one for one in found if one.topic == topic] for topic in topics}


def show_delivery(transaction: Transaction, delivery_id: UUID, *, body_limit: int | None) -> Json:
    """Return a delivery with the beginning of its body. Raises NotFound."""
    return delivery_json(deliveries.find_for_display(transaction, delivery_id), body_limit=body_limit)


def show_event(transaction: Transaction, event_id: UUID, *, body_limit: int | None = None) -> Json:
    """Return all records of an event, from the raw delivery to each attempt.

    body_limit   show at most this many bytes of the delivery's body; None: all
    Raises NotFound.
    """
    try:
        event = events.find(transaction, event_id)
    except NotFound as error:
        raise NotFound(_why_no_event(transaction, event_id)) from error
    standing = notifications.of_topics(transaction, [news_key(event)])
    judgments = decisions.find(transaction, event_id)
    done = actions.of_subjects(transaction, [event_id, *acted_on(event), *(one.id for one in standing)])
    details = events.find_details(transaction, event_id)
    return {
        **event_json(event),
        "details": details_json(details),
        "evidence": show_evidence(transaction, event, details),
        "spans": spans_of_event(transaction, event),
        "decisions": [shape for judgment in judgments for shape in _decisions(judgment, event)],
        "notifications": with_attempts(transaction, standing, done),
        "delivery": show_delivery(transaction, event_id, body_limit=body_limit),
        "actions": [action_json(action) for action in done],
    }


def acted_on(event: Event) -> Iterator[UUID]:
    """Yield the ids of an event's workflow and pipeline, on which people act."""
    for written in (event.workflow.id, event.pipeline.id):
        try:
            yield UUID(written or "")
        except ValueError:
            continue


def list_refusals(transaction: Transaction) -> Json:
    """Return the last refused posts, newest first, at most 50: ``{"items": [...]}``."""
    return {"items": [refusal_json(refusal) for refusal in refusals.latest(transaction)]}


def _decisions(judgment: Judgment, event: Event) -> list[Json]:
    return [decision_json(judgment.round, judgment.decided_at, decision) for decision in explain(judgment, event)]


def _why_no_event(transaction: Transaction, event_id: UUID) -> str:
    delivery = deliveries.find_for_display(transaction, event_id)  # raises NotFound if there is no delivery either
    if delivery.state is DeliveryState.DEAD:
        return (
            f"delivery {event_id} has no event: it was not understood ({delivery.reason}); "
            "`roundsman dead-letters --json` and its page show the body"
        )
    if delivery.state is DeliveryState.DISMISSED:
        return f"delivery {event_id} has no event: it was not understood ({delivery.reason}), and dismissed"
    return f"delivery {event_id} has not been judged yet; look again in a moment"


def with_attempts(transaction: Transaction, standing: Sequence[Notification], done: Sequence[Action]) -> list[Json]:
    """Return the shapes of notifications with their attempts and operators' actions."""
    attempts, acts = defaultdict(list), defaultdict(list)
    for attempt in notifications.attempts_of(transaction, [one.id for one in standing]):
        attempts[attempt.notification_id].append(attempt)
    for action in done:
        acts[action.subject_id].append(action)
    return [notification_json(one, attempts[one.id], acts[one.id]) for one in standing]


def with_events(transaction: Transaction, found: Sequence[Notification]) -> list[Json]:
    """Return the shapes of notifications with their attempts and their ``event``."""
    done = actions.of_subjects(transaction, [one.id for one in found])
    of_ids = events.find_all(transaction, {one.event_id for one in found if one.event_id})
    shapes: dict[UUID | None, Json] = {event_id: event_json(event) for event_id, event in of_ids.items()}
    told = zip(found, with_attempts(transaction, found, done), strict=True)
    return [{**shape, "event": shapes.get(one.event_id)} for one, shape in told]


def count_unsettled(transaction: Transaction) -> int:
    """Return the number of deliveries to judge and notifications to send."""
    pending = notifications.count(transaction, NotificationState.PENDING, NotificationState.SENDING)
    return pending + deliveries.count_unjudged(transaction)


def count_sent(transaction: Transaction) -> int:
    """Return the number of messages that have been sent; one may tell several news."""
    return notifications.count(transaction, NotificationState.SENT) - summaries.count_told(transaction)


def to_search(asked: Mapping[str, str | Sequence[str]], now: datetime, *, for_people: bool = False) -> Search:
    """Return the search that query parameters or options ask for.

    for_people   for a list of what people look for first: see ``asked_kinds``
    Filters may stand in the text of ``q`` too. Empty values are ignored. Raises BadRequest for an unknown parameter or
    value.
    """
    if unknown := sorted(asked.keys() - set(SEARCHABLE)):
        raise BadRequest(f"{unknown[0]!a} is not something to search by; there are {', '.join(SEARCHABLE)}")
    given = search_text.expand(asked, NAMED_FILTERS)
    values: dict[str, Any] = {name: values_of(name, value) for name, value in given.items()}
    values["event"] = asked_kinds(values.get("event", ()), values.get("job", ()), for_people=for_people)
    since, until = to_span(values.pop("since", ()), values.pop("until", ()), now)
    values["told"] = [told.lower() for told in values.get("told", ())]
    values["transition"] = [to_transition(one) for text in values.get("transition", ()) for one in text.split(",")]
    if odd := next((told for told in values["told"] if told not in TOLD_VALUES), None):
        raise BadRequest(f"told is none or any, not {odd!a}")
    values["q"] = next(iter(values.get("q", ())), None)
    names = {name: values.pop(name) for name in SEARCH_FILTERS if name in values}
    return Search(**values, names=names, since=since, until=until)


def to_transition(text: str) -> Transition:
    """Parse what a run did to its track, in any case. Raises BadRequest."""
    try:
        return Transition(text.strip().lower().replace("-", "_"))
    except ValueError as error:
        raise BadRequest(f"{text!a} is not a transition; there are {', '.join(Transition)}") from error


def asked_kinds(asked: Sequence[str], jobs: Sequence[str], *, for_people: bool) -> Sequence[EventKind]:
    """Return the kinds of events that a search is for; empty for all.

    These are the kinds asked for, ``any`` for all. Without one they are all, or in a list for people jobs if a job is
    named, workflows if not. Raises BadRequest.
    """
    kinds = [to_kind(kind, known=EVENT_VALUES) for kind in asked if kind.lower() != EVERY_KIND]
    if len(kinds) < len(asked):
        return ()
    if kinds or not for_people:
        return kinds
    return [EventKind.JOB_COMPLETED if jobs else EventKind.WORKFLOW_COMPLETED]


def values_of(name: str, given: str | Sequence[str]) -> Sequence[str]:
    """Return a filter's values without blank ones. Raises BadRequest for too many."""
    listed = [given] if isinstance(given, str) else given
    values = [value for value in (clean(value.strip()) for value in listed) if value]
    if name in SINGLE_VALUED and len(values) > 1:
        raise BadRequest(f"{name!a} stands twice; give it once")
    if len(listed) > MAX_VALUES:
        raise BadRequest(f"{name!a} may stand {MAX_VALUES} times, and it stands {len(listed)} times; ask in parts")
    return values


def to_span(since: Sequence[str], until: Sequence[str], now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the begin and the end of a search's time range. Raises BadRequest."""
    begin, end = (to_time(written[0], now) if written else None for written in (since, until))
    if begin and end and begin >= end:
        raise BadRequest("nothing happens between since and until: until must be the later time")
    return begin, end


def to_kind(text: str, *, known: Iterable[str] = EventKind) -> EventKind:
    """Parse a kind of event, in any case.

    known   the values that the sentence of a refusal names
    Raises BadRequest.
    """
    try:
        return EventKind(text.lower())
    except ValueError as error:
        raise BadRequest(f"{text!a} is not a kind of event; there are {', '.join(known)}") from error

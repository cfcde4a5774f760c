"""Between rows and values: rows never leave this package."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Insert, Result, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from service.db.tables import Transaction
from service.model import (
    Action,
    Actor,
    Attempt,
    Commit,
    Delivery,
    DeliveryState,
    Details,
    Event,
    EventKind,
    Job,
    News,
    Notification,
    NotificationState,
    Outcome,
    Pipeline,
    Project,
    PullRequest,
    SignatureMatch,
    Via,
    WaitsFor,
    Workflow,
)
from service.store import usual_values
from service.store.bodies import pack, unpack
from service.store.newer_values import to_member

DETAILS = TypeAdapter(Details)

Row = Mapping[str, Any] | RowMapping
INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def plain_rows(found: Result[Any]) -> Iterator[dict[str, Any]]:
    """Yield rows as dictionaries.

    Where each is read by many names, the library's mappings take twice as long; so it is to fetch them one by one.
    """
    names = tuple(found.keys())
    return (dict(zip(names, row, strict=True)) for row in found.all())


def insert_new(transaction: Transaction, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique key says that it is there; whether it was new.

    Both databases spell it alike. What comes back tells, and not a count of rows: a driver may not know that.
    """
    return transaction.execute(_insert_statement(transaction.dialect.name, table), row).first() is not None


@cache  # to build a statement takes longer than to run it
def _insert_statement(dialect: str, table: Table) -> ReturningInsert[Any]:
    inserting: ReturningInsert[Any] = INSERTS[dialect](table).on_conflict_do_nothing().returning(table.c.id)
    return inserting


def insert_or_replace(transaction: Transaction, table: Table, row: Mapping[str, Any], *, key: str) -> None:
    """Insert a row of all its columns, or overwrite the one with the same key."""
    transaction.execute(_upsert_statement(transaction.dialect.name, table, key), row)


@cache
def _upsert_statement(dialect: str, table: Table, key: str) -> Insert:
    statement = INSERTS[dialect](table)
    new = {column.name: statement.excluded[column.name] for column in table.c if column.name != key}
    replacing: Insert = statement.on_conflict_do_update(index_elements=[key], set_=new)
    return replacing


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """A delivery as a row of ``deliveries``."""
    body, dictionary_id = pack(delivery.body)
    return {
        "id": delivery.id,
        "source": delivery.source,
        "source_event_id": delivery.source_event_id,
        "via": delivery.via,
        "received_at": delivery.received_at,
        "headers": usual_values.shorten_headers(delivery.headers),
        "body": body,
        "body_dictionary": dictionary_id,
        "signed_index": delivery.signed.index if delivery.signed else None,
        "signed_fingerprint": delivery.signed.fingerprint if delivery.signed else None,
        "state": delivery.state,
        "reason": delivery.reason,
    }


def to_delivery(row: Row, *, read_body: Callable[[bytes, int | None], bytes] = unpack) -> Delivery:
    """A row of ``deliveries`` as a delivery."""
    signed = None
    if row["signed_index"] is not None:
        signed = SignatureMatch(index=row["signed_index"], fingerprint=row["signed_fingerprint"])
    return Delivery(
        id=row["id"],
        source=row["source"],
        source_event_id=row["source_event_id"],
        via=to_member(Via, row["via"]),
        received_at=row["received_at"],
        headers=usual_values.restore_headers(row["headers"]),
        body=read_body(bytes(row["body"]), row["body_dictionary"]),
        signed=signed,
        state=to_member(DeliveryState, row["state"]),
        reason=row["reason"],
        repeats=row["repeats"],
        failures=row["failures"],
        due_at=row["due_at"],
    )


WORKFLOW_FACTS = ("auto_rerun_number", "max_auto_reruns", "is_setup")
PARTS = {
    "project": (Project, ("id", "slug", "name")),
    "pipeline": (Pipeline, ("id", "number", "definition_id")),
    "workflow": (Workflow, ("id", "name", "status", "url", *WORKFLOW_FACTS)),
    "job": (Job, ("id", "name", "number", "status")),
    "commit": (Commit, ("subject", "author_name", "author_email", "url")),
    "actor": (Actor, ("id", "login", "name")),
    "pull_request": (PullRequest, ("number", "url")),
}
SHARED_COLUMNS = (
    *("id", "source_event_id", "happened_at", "received_at", "org", "status"),
    *("branch", "tag", "revision", "trigger", "duration_ms", "queue_ms"),
)


def event_row(event: Event) -> dict[str, Any]:
    """Return an event as a row; its parts become columns such as ``workflow_name``."""
    row: dict[str, Any] = {name: getattr(event, name) for name in SHARED_COLUMNS}
    row |= {"kind": event.kind, "via": event.via, "has_job": event.job is not None}
    for part, (_, fields) in PARTS.items():
        value = getattr(event, part)
        row |= {f"{part}_{name}": getattr(value, name, None) for name in fields}
    return row | usual_values.shorten_urls(row)


_PART_COLUMNS = {
    part: tuple((name, f"{part}_{name}") for name in fields if f"{part}_{name}" not in usual_values.URL_FORMS)
    for part, (_, fields) in PARTS.items()
}


def to_event(row: Row) -> Event:
    """A row of ``events`` as an event."""
    urls = usual_values.restore_urls(row)
    parts = {part: {name: row[column] for name, column in columns} for part, columns in _PART_COLUMNS.items()}
    parts["workflow"]["url"], parts["commit"]["url"] = urls["workflow_url"], urls["commit_url"]
    if not row["has_job"]:
        del parts["job"]
    return Event(
        kind=to_member(EventKind, row["kind"]),
        via=to_member(Via, row["via"]),
        **{name: row[name] for name in SHARED_COLUMNS},
        **{part: PARTS[part][0](**values) for part, values in parts.items()},
    )


def to_notification(row: Row) -> Notification:
    """A row of ``notifications`` as a notification."""
    names = (
        *("id", "event_id", "topic", "route", "receiver", "channel_key", "channel_label", "channel_kind"),
        *("attempts", "created_at", "next_attempt_at", "give_up_at", "reason", "sent_at", "title", "words"),
        *("server_lane", "track_id", "incident_id", "told_in", "project_slug", "project_name"),
    )
    return Notification(
        state=to_member(NotificationState, row["state"]),
        news=to_member(News, row["news"]),
        waits_for=to_member(WaitsFor, row["waits_for"]) if row["waits_for"] else None,
        **{name: row[name] for name in names},
    )


def to_attempt(row: Row) -> Attempt:
    """A row of ``attempts`` as an attempt."""
    names = ("notification_id", "number", "started_at", "ended_at", "reason", "receipt", "title", "words")
    return Attempt(outcome=to_member(Outcome, row["outcome"]), **{name: row[name] for name in names})


def to_action(row: Row) -> Action:
    """A row of ``actions`` as an action."""
    return Action(verb=row["verb"], subject_id=row["subject_id"], who=row["who"], at=row["at"], reason=row["reason"])

"""Keep the settings of a project or organization, their changes and the event.

All of one look is one transaction: a change is on record if and only if it is told of, and told of once. Two looks at
one time take turns, and the one that asked earlier changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from service.circleci.guards import GuardPlace
from service.circleci.source import Source
from service.circleci.webhook.settings_body import settings_body
from service.db.tables import Transaction
from service.model import Delivery, GuardArea, GuardChange, GuardSnapshot, Via
from service.routing.guard_changes import describe, find_changes
from service.store.circleci import guards
from service.store.deliveries import deliveries

OPAQUE = "circleci/"


@dataclass(frozen=True, kw_only=True)
class ScopeLook:
    """A look at a project, or at its organization."""

    place: GuardPlace
    is_of_org: bool
    at: datetime

    @property
    def name(self) -> str:
        """Return its slug."""
        return self.place.org_slug if self.is_of_org else self.place.slug

    @property
    def shown(self) -> str:
        """Return its slug, or the names of people where that is of codes."""
        org, project = self.place.org_name, self.place.project_name
        if not self.name.startswith(OPAQUE) or org is None:
            return self.name
        return org if self.is_of_org or project is None else f"{org}/{project}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The settings of an area as CircleCI has them, or the reason why it says none."""

    area: GuardArea
    states: Mapping[str, str] = field(default_factory=dict)
    lacking: str | None = None


@dataclass(kw_only=True)
class KeptScope:
    """The result of a look that is on record.

    newly_lacking   those of ``lacking`` that were readable, or not asked for, before
    is_first        nothing of it was on record
    """

    changes: list[GuardChange] = field(default_factory=list)
    lacking: list[GuardSnapshot] = field(default_factory=list)
    newly_lacking: list[GuardSnapshot] = field(default_factory=list)
    is_first: bool = False


def keep_scope(transaction: Transaction, source: Source, scope: ScopeLook, readings: Sequence[Reading]) -> KeptScope:
    """Put the settings in the place of those before, and keep what changed."""
    before = guards.lock_snapshots(transaction, scope.name)
    kept = KeptScope(is_first=not any(one.since for one in before.values()))
    for reading in readings:
        old = before.get(reading.area)
        if old is not None and old.taken_at > scope.at:
            continue
        after = _snapshot(scope, reading, old)
        guards.put_snapshot(transaction, after)
        if after.lacking is not None:
            kept.lacking.append(after)
            kept.newly_lacking += [after] if old is None or old.lacking is None else []
        elif old is not None and old.since is not None:
            kept.changes += _changes(scope, old, after)
    if kept.changes:
        kept.changes = _in_order(kept.changes)
        guards.add_changes(transaction, kept.changes)
        deliveries.keep_many(transaction, [_delivery(source, scope, kept.changes)])
    return kept


def keep_lacking(transaction: Transaction, lacking: Sequence[GuardSnapshot]) -> bool:
    """Record that areas of a project cannot be read; return whether that is new.

    The states stay as they were.
    """
    before, is_new = guards.lock_snapshots(transaction, lacking[0].scope), False
    for one in lacking:
        old = before.get(one.area, one)
        is_new = is_new or one.area not in before or old.lacking is None
        guards.put_snapshot(transaction, replace(old, taken_at=one.taken_at, lacking=one.lacking))
    return is_new


def _snapshot(scope: ScopeLook, reading: Reading, old: GuardSnapshot | None) -> GuardSnapshot:
    """Return the settings to keep: those before, where CircleCI says none."""
    since = old.since if old is not None else None
    if reading.lacking is not None:
        states = old.states if old is not None else {}
    else:
        states, since = reading.states, since or scope.at
    return GuardSnapshot(
        scope=scope.name, area=reading.area, states=states, taken_at=scope.at, lacking=reading.lacking, since=since
    )


def _changes(scope: ScopeLook, before: GuardSnapshot, after: GuardSnapshot) -> Iterator[GuardChange]:
    for change in find_changes(before.states, after.states):
        name, kind, was, now = change
        yield GuardChange(
            id=uuid4(),
            at=after.taken_at,
            scope=after.scope,
            area=after.area,
            name=name,
            kind=kind,
            before=was,
            after=now,
            sentence=describe(after.area, scope.shown, change),
        )


def _in_order(changes: Sequence[GuardChange]) -> list[GuardChange]:
    """Return the changes of a look with ids by which lists have them in this order."""
    ids = sorted((one.id for one in changes), reverse=True)
    return [replace(one, id=id_) for one, id_ in zip(changes, ids, strict=True)]


def _delivery(source: Source, scope: ScopeLook, changes: Sequence[GuardChange]) -> Delivery:
    body = settings_body(scope.place, changes, is_of_org=scope.is_of_org)
    return Delivery(
        id=uuid4(),
        source=source.name,
        source_event_id=source.identify(body),
        via=Via.RECONCILE,
        received_at=scope.at,
        headers=(),
        body=body,
        signed=None,
    )

"""What a database has on record of a round, read past the service; and how some of it is made old."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.crash.channel import Told
from tests.crash.databases import Database

_TOLD = (
    "SELECT notifications.id, notifications.receiver, events.commit_subject, notifications.state{columns} "
    "FROM notifications JOIN events ON events.id = notifications.event_id"
)
_OVERTAKEN = (
    "EXISTS (SELECT 1 FROM attempts AS later WHERE later.notification_id = attempts.notification_id "
    "AND later.number > attempts.number AND later.started_at < attempts.ended_at)"
)
_ATTEMPTS = (
    _TOLD.format(columns=f", attempts.outcome, {_OVERTAKEN}")
    + " JOIN attempts ON attempts.notification_id = notifications.id"
)


@dataclass(frozen=True, kw_only=True)
class History:
    """All that is on record.

    kept         the ids of the deliveries
    changes      those that events are about
    states       of each notification; one for each channel and change
    sent         how often an attempt at a message ended well
    interrupted  attempts of which it is not known what came of them
    overtaken    attempts that ended well when another worker had taken over already
    resent       how often an operator had a message sent again
    acts         what operators did: verb and subject
    """

    kept: set[UUID]
    changes: set[str]
    states: dict[Told, str]
    sent: Counter[Told]
    interrupted: Counter[Told]
    overtaken: Counter[Told]
    resent: Counter[Told]
    acts: Counter[tuple[str, UUID]]


def read(database: Database) -> History:
    """Read everything, when all is quiet."""
    notifications = {UUID(str(row[0])): row for row in database.rows(_TOLD.format(columns=""))}
    acts = Counter(
        (verb, UUID(str(subject))) for verb, subject in database.rows("SELECT verb, subject_id FROM actions")
    )
    attempts = [(_told(row), *row[4:]) for row in database.rows(_ATTEMPTS)]
    return History(
        kept={UUID(str(row[0])) for row in database.rows("SELECT id FROM deliveries")},
        changes={str(row[0]) for row in database.rows("SELECT DISTINCT commit_subject FROM events")},
        states={_told(row): row[3] for row in notifications.values()},
        sent=Counter(told for told, outcome, _ in attempts if outcome == "sent"),
        interrupted=Counter(told for told, outcome, _ in attempts if outcome == "interrupted"),
        overtaken=Counter(told for told, outcome, was_overtaken in attempts if outcome == "sent" and was_overtaken),
        resent=Counter(dict(_resent(acts, notifications))),
        acts=acts,
    )


def _resent(acts: Counter[tuple[str, UUID]], notifications: dict[UUID, Any]) -> Iterator[tuple[Told, int]]:
    for (verb, subject), times in acts.items():
        if verb == "resend" and subject in notifications:
            yield _told(notifications[subject]), times


def _told(row: Any) -> Told:
    return f"/{row[1]}", str(row[2])


def age_some(database: Database, number: int) -> set[str]:
    """Make changes look older than what is kept, of those that are done with and were told once; return them.

    Of a change with several events some might be forgotten before the others, and what is told once a change could be
    told again.
    """
    done = (
        "SELECT events.commit_subject FROM events JOIN deliveries ON deliveries.id = events.id "
        "GROUP BY events.commit_subject HAVING count(*) = 1 AND min(deliveries.state) = 'settled'"
    )
    open_ = (
        "SELECT events.commit_subject FROM notifications JOIN events ON events.id = notifications.event_id "
        "WHERE notifications.state <> 'sent' OR notifications.attempts <> 1"
    )
    asked = "SELECT commit_subject FROM events WHERE id IN (SELECT subject_id FROM actions)"
    rows = database.rows(f"{done} EXCEPT {open_} EXCEPT {asked}")
    changes = {str(row[0]) for row in rows[:number]}
    listed = ", ".join(f"'{change}'" for change in changes) or "''"
    database.change(
        *(
            f"UPDATE {table} SET received_at = '2020-01-01 00:00:00.000000' "  # noqa: S608 - a test's own words
            f"WHERE id IN (SELECT id FROM events WHERE commit_subject IN ({listed}))"
            for table in ("deliveries", "events")
        )
    )
    return changes

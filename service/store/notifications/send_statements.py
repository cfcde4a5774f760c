"""The statements of each send, built once.

To build one takes several times as long as the database takes to run it, and a send needs a dozen of them.
"""

from sqlalchemy import and_, bindparam, func, insert, or_, select, update

from service.db.columns import UtcDateTime, is_any
from service.db.tables import attempts, notifications
from service.model import NotificationState, Outcome, WaitsFor

PENDING, SENDING, SENT, *_ = NotificationState
INTERRUPTED_REASON = "Roundsman was stopped during this attempt: it may have arrived"

_IS_IT = notifications.c.id == bindparam("own_id")
FIND = select(notifications).where(_IS_IT)
OF_EVENTS = (
    select(notifications).where(is_any(notifications.c.event_id, "event_ids")).order_by(notifications.c.created_at)
)
_NOW = bindparam("now", type_=UtcDateTime)
IS_DUE_NOW = select(notifications.c.next_attempt_at <= func.now()).where(_IS_IT)
_IS_HELD = notifications.c.waits_for.in_([one for one in WaitsFor if one is not WaitsFor.DETAILS])
_RELEASE = update(notifications).where(
    is_any(notifications.c.id, "notification_ids"),
    notifications.c.state == PENDING,
    notifications.c.attempts == 0,
    or_(notifications.c.waits_for.is_(None), ~_IS_HELD),
)
RELEASE_BY = _RELEASE.values(next_attempt_at=_NOW)
RELEASE_NOW = _RELEASE.values(next_attempt_at=func.least(_NOW, func.now(), type_=UtcDateTime))
BEGIN = (
    update(notifications)
    .where(_IS_IT, notifications.c.state == PENDING)
    .values(
        state=SENDING,
        attempts=notifications.c.attempts + 1,
        unknown_since=None,
        next_attempt_at=bindparam("until", type_=UtcDateTime),
    )
    .returning(notifications.c.attempts)
)
INSERT_ATTEMPT = insert(attempts)
_AT = bindparam("at", type_=UtcDateTime)
SET_SENT_AT = (
    update(notifications)
    .where(_IS_IT)
    .values(sent_at=func.coalesce(notifications.c.sent_at, _AT, type_=UtcDateTime))
    .returning(notifications.c.title, notifications.c.words)
)
_SENT_VALUES = {"outcome": Outcome.SENT, "reason": None, "receipt": bindparam("new_receipt"), "ended_at": _AT}
END_SENT = (
    update(attempts)
    .where(attempts.c.notification_id == bindparam("own_id"), attempts.c.number == bindparam("attempt"))
    .values(**_SENT_VALUES)
)
END_NEWLY_SENT = END_SENT.values(title=bindparam("new_title"), words=bindparam("new_words"))
_WAS_INTERRUPTED = and_(notifications.c.state == PENDING, notifications.c.reason == INTERRUPTED_REASON)
END_SENDING = (
    update(notifications)
    .where(
        _IS_IT,
        notifications.c.attempts == bindparam("attempt"),
        or_(notifications.c.state == SENDING, _WAS_INTERRUPTED),
    )
    .values(state=SENT, reason=None, title=bindparam("new_title"), words=bindparam("new_words"))
    .returning(notifications.c.id)
)

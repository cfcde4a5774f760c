"""Go on in a lane: record one message and begin the next in one transaction.

The queue job that sent the first holds the lane still, so that no other begins there. If its process dies, the job runs
again elsewhere, finds its message told, and sets the head of the lane anew.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service.db.tables import Transaction
from service.errors import NotBegun, Temporary
from service.model import Notification
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.sending.begin_send import Begun, begin, begin_held, is_held
from service.pipeline.sending.record_send import put_accepted, store_accepted
from service.queue import lane_heads
from service.queue.claims import current_claim
from service.queue.handlers import run_guarded
from service.store.notifications import notifications

MAX_TURN = timedelta(seconds=1)  # for the messages of one lane; then another lane may have its slot


class Turn:
    """The messages of one lane that a queue job sends, one after the other."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._claim = current_claim()
        self._ends_at = context.clock() + MAX_TURN
        self._unsure: list[tuple[UUID, datetime]] = []

    async def begin(self, notification_id: UUID) -> Begun | None:
        """Begin an attempt; None if there is nothing to send now. Raises NotBegun."""
        context, now = self._context, self._context.clock()
        try:
            begun = await context.store.write(begin, context, self._claim, notification_id, now=now)
        except Temporary as error:
            context.unsure_begins.add((notification_id, now))
            raise NotBegun(error.sentence, detail=error.detail, retry_after_s=error.retry_after_s) from error
        context.unsure_begins.difference_update([one for one in context.unsure_begins if one[0] == notification_id])
        return begun

    async def accept(self, begun: Begun, receipt: str) -> Begun | None:
        """Record that a channel accepted a message; return the next attempt.

        None: it has not begun, and what waits in the lane has a job: while posts come in a burst, each message is a job
        that waits for its share. An error of the next message does not touch the record of this one.
        """
        context, found = self._context, list[Begun | None]()
        if context.clock() > self._ends_at or context.late_sends.is_stopping or context.has_burst():
            await store_accepted(context, begun, receipt)
            return None
        error = await run_guarded("going on in a lane", self._store(begun, receipt, found))
        if error is None:
            return found[0]
        await store_accepted(context, begun, receipt)
        if not isinstance(error, Temporary) or not self._unsure:
            return None
        context.unsure_begins.update(self._unsure)  # the answer to the commit may have been lost
        return await self.begin(self._unsure[0][0])

    async def _store(self, begun: Begun, receipt: str, found: list[Begun | None]) -> None:
        self._unsure.clear()
        found.append(await self._context.store.write(self._put, begun, receipt))

    def _put(self, transaction: Transaction, begun: Begun, receipt: str) -> Begun | None:
        context, notification, now = self._context, begun.notification, self._context.clock()
        following = None
        if not context.store.is_awaited:
            following = lane_heads.find_next(transaction, notification.lane, now, under_way=notification.id)
        if following is not None:
            _lock_both(transaction, [notification, following])
        put_accepted(transaction, context, begun, receipt)
        if following is not None and is_held(transaction, self._claim, following.id):
            self._unsure.append((following.id, now))
            if (begun_next := begin_held(transaction, context, following, now)) is not None:
                return begun_next
        enqueue_heads(transaction, context.jobs, [notification], now)
        return None


def _lock_both(transaction: Transaction, both: Sequence[Notification]) -> None:
    """Lock the news of both tracks in the order in which those lock them that plan."""
    track_ids = [one.track_id for one in both if one.track_id is not None]
    if len(track_ids) == len(both):
        keys = {one.channel_key for one in both}
        notifications.lock_unfinished(transaction, track_ids, channel_key=keys.pop() if len(keys) == 1 else None)

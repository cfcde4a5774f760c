"""Fill in the runs of the history that was judged before runs were, oldest first."""

from collections.abc import Callable, Iterator, Sequence

import structlog

from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, Event
from service.pipeline.context import Context
from service.pipeline.judgment.judge_runs import judge_runs
from service.routing.decide import with_details
from service.store.events import events
from service.store.runs import backfills

CHUNK = 200  # events in a transaction
LOG_EVERY = 50  # chunks

log = structlog.get_logger()


async def fill_in_history(
    context: Context, *, is_stopping: Callable[[], bool] = lambda: False, chunk: int = CHUNK
) -> None:
    """Judge the runs of stored events, until all are or the process stops.

    Judging waits for it, so that no run is judged before older ones. Several processes take turns.

    chunk   the number of events in a transaction
    """
    if not await context.store.read(backfills.is_needed):
        return
    log.info("runs of the history are filled in before new posts are judged; they are kept meanwhile")
    chunks = 0
    while not is_stopping():
        share = await context.store.write_alone(_fill_in, context, chunk)
        if share is None:
            log.info("runs of the history are filled in")
            return
        chunks += 1
        if chunks % LOG_EVERY == 0:
            log.info("runs of the history are being filled in", percent=round(100 * share))


def _fill_in(transaction: Transaction, context: Context, limit: int) -> float | None:
    """Fill in one chunk; return the share that is done, None at the end."""
    chunk = backfills.next_chunk(transaction, limit)
    if chunk is None:
        backfills.finish(transaction, context.clock())
        return None
    details = events.find_all_details(transaction, [one.id for one in chunk.deliveries])
    parsed = [with_details(event, details.get(event.id)) for event in _parse(context, chunk.deliveries)]
    judge_runs(transaction, parsed, projects=context.projects, is_history=True)
    backfills.go_on_from(transaction, chunk.mark)
    return chunk.share


def _parse(context: Context, kept: Sequence[Delivery]) -> Iterator[Event]:
    """Yield the events of deliveries that this release understands."""
    for delivery in kept:
        try:
            yield context.source.parse(delivery)
        except Permanent as error:
            log.warning("a stored post is not understood any more", delivery=str(delivery.id), reason=str(error))

"""The metric of workflows that spans told of, and no webhook."""

import math
from collections.abc import Callable
from datetime import datetime

from service.db.database import Store
from service.errors import Temporary
from service.metrics import Metrics
from service.model import UNEXPLAINED_WINDOW, WEBHOOK_WAIT
from service.store.circleci import spans


async def set_unexplained(metrics: Metrics, store: Store, clock: Callable[[], datetime]) -> None:
    """Set the number of workflows without a webhook; NaN without the database."""
    now = clock()
    try:
        count = await store.read(
            spans.count_unexplained, received_before=now - WEBHOOK_WAIT, received_after=now - UNEXPLAINED_WINDOW
        )
    except Temporary:
        metrics.unexplained_runs.set(math.nan)
    else:
        metrics.unexplained_runs.set(count)

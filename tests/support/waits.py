"""Waits of tests for what a running service does by itself, while the clock is a value."""

import asyncio
import time
from collections.abc import Callable

from tests.support.app_fixture import SETTLED_WITHIN_S, Instance

UNDECIDED = "SELECT state, due_at, put_offs, failures, reason FROM deliveries WHERE state != 'settled' LIMIT 3"


async def until(instance: Instance, claim: Callable[[], bool]) -> None:
    """Wait until a claim is true.

    What a busy database has put off is due again some time: meanwhile the clock goes on.
    """
    ends_at = time.monotonic() + 2 * SETTLED_WITHIN_S
    while not claim():
        assert time.monotonic() < ends_at, f"nothing came of {instance.rows(UNDECIDED)}"
        await asyncio.sleep(0.05)
        if instance.rows("SELECT 1 FROM deliveries WHERE state = 'kept' AND put_offs > 0"):
            instance.clock.tick(seconds=1)

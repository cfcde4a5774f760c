"""Open a simulation of a configuration's routes, in a database of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from service.app.build_context import Parts, build_context, embedded_queue
from service.config.configuration import Config
from service.db.database import Store
from service.db.new_tables import create_tables
from service.operations.simulation.simulated_steps import SimulatedSteps
from service.operations.simulation.simulation import SimulatedClock, Simulation
from service.pipeline.context import RetryPolicy

AT_ONCE = RetryPolicy(details_timeout=timedelta())
"""Messages wait for no details: those that CircleCI gave are on record."""


@asynccontextmanager
async def open_simulation(config: Config) -> AsyncIterator[Simulation]:
    """Open a simulation; its database is deleted at the end of the block."""
    with TemporaryDirectory(prefix="roundsman-") as folder:
        url = f"sqlite:///{Path(folder) / 'simulation.db'}"
        await asyncio.to_thread(create_tables, url)
        clock, store = SimulatedClock(), Store(url)
        parts = Parts(store=store, jobs=embedded_queue(store, clock=clock), clock=clock)
        context = build_context(config, parts, retry_policy=AT_ONCE)
        try:
            yield Simulation(context=context, clock=clock, steps=SimulatedSteps())
        finally:
            for part in (context.notifier, context.source, context.store):
                await part.close()

"""Open a simulation of a configuration's routes, in a database of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from service.app.service import build
from service.config.configuration import Config
from service.db.migrate import migrate
from service.operations.simulated_steps import SimulatedSteps
from service.operations.simulation import SimulatedClock, Simulation
from service.pipeline.context import RetryPolicy

AT_ONCE = RetryPolicy(details_timeout=timedelta())
"""Messages wait for no details: those that CircleCI gave are on record."""


@asynccontextmanager
async def open_simulation(config: Config) -> AsyncIterator[Simulation]:
    """Open a simulation; its database is deleted at the end of the block."""
    with TemporaryDirectory(prefix="roundsman-") as folder:
        url = f"sqlite:///{Path(folder) / 'simulation.db'}"
        await asyncio.to_thread(migrate, url)
        clock = SimulatedClock()
        alone = replace(config, settings=config.settings.model_copy(update={"database_url": url}))
        context = build(alone, clock=clock, retry_policy=AT_ONCE).context
        try:
            yield Simulation(context=context, clock=clock, steps=SimulatedSteps())
        finally:
            for part in (context.notifier, context.source, context.store):
                await part.close()

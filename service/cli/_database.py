"""The store for commands, with or without a running service beside them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from service.config.env import load_settings
from service.config.settings import Settings
from service.db.data_folder import database_file, require_database
from service.db.database import Store
from service.db.errors import named_missing_parts
from service.db.revisions import is_workable, revision
from service.errors import BadConfig
from service.logs import logs_of_a_command
from service.store.upkeep import heartbeats

T = TypeVar("T")


def with_store(do: Callable[[Settings, Store], Awaitable[T]]) -> T:
    """Call a function with the settings and the open store, and return its result.

    Raises BadConfig if there is no database yet, or it is of another release or lacks a table.
    """

    async def run() -> T:
        settings = load_settings(os.environ, serving=False)
        with named_missing_parts():
            async with _open_store(settings.database_url) as store:
                return await do(settings, store)

    with logs_of_a_command():
        return asyncio.run(run())


@asynccontextmanager
async def _open_store(database_url: str) -> AsyncIterator[Store]:
    file = database_file(database_url)
    if file is not None:
        require_database(file)
    store = Store(database_url)
    try:
        if not is_workable(await revision(store)):
            raise BadConfig("the database is not of this release; start `roundsman serve`, or run `roundsman migrate`")
        if store.is_shared:
            await store.read(
                heartbeats.read_clock, store.clock
            )  # a command's times must be right by the clock of the other processes
        yield store
    finally:
        await store.close()

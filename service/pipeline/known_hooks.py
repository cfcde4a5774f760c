"""The hooks of ours in memory, so that a flood of forged posts costs few reads."""

import asyncio
from collections.abc import Mapping

import structlog

from service.db.database import Store
from service.errors import Temporary
from service.model import KnownHook
from service.store.circleci import hooks

MIN_AGE_S = 0.25  # `hooks apply` is another process: what it has just written is known as soon as this
READ_SHARE = 20  # a read takes a twentieth of the time at most, however many hooks there are
READ_TIMEOUT_S = 2.0

log = structlog.get_logger()


class KnownHooks:
    """A copy of the hooks on record, read again when someone asks and it is old."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: Mapping[str, KnownHook] = {}
        self._reading: asyncio.Task[None] | None = None
        self._fresh_until = 0.0  # by the event loop's clock

    async def find(self, hook_id: str) -> KnownHook | None:
        """Return the hook with this id; None for one that is not known to be ours."""
        if self._reading is None and asyncio.get_running_loop().time() >= self._fresh_until:
            self._reading = asyncio.create_task(self._read())
        if self._reading:
            await asyncio.shield(self._reading)
        return self._by_id.get(hook_id)

    def __contains__(self, hook_id: str) -> bool:
        """Return whether the copy holds the hook."""
        return hook_id in self._by_id

    async def _read(self) -> None:
        """Read all hooks; keep the copy of before if the database does not answer."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                found = await self._store.read(hooks.find_all)
            self._by_id = {hook.id: hook for hook in found}
        except (Temporary, TimeoutError) as error:
            log.warning("the hooks on record were not read", reason=str(error) or "timeout")
        finally:
            self._fresh_until = loop.time() + max(MIN_AGE_S, READ_SHARE * (loop.time() - began))
            self._reading = None

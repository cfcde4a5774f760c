"""Refusals on record: the last few, each with what mends it, written beside the answer and never in its way."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from service.errors import Rejected, Temporary, UnknownSecret, Unsigned
from service.model import KnownHook, Refusal
from service.store import Store, hooks, refusals

KEEP_EVERY_S = 1.0  # a flood of forged posts must not become a flood of commits
FIND_WITHIN_S = 2.0

log = structlog.get_logger()


class Refusals:
    """Keeps refusals, at most one a second; and knows the hooks of ours that may have sent what was refused."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._next_at = 0.0  # by the event loop's clock
        self._skipped = 0
        self._keeping: asyncio.Task[None] | None = None

    async def explain(self, error: Rejected, hook_id: str | None) -> tuple[str, str | None]:
        """Return reason and next step of a refusal: closer than the error's, where a hook of ours is at fault."""
        hook = await self._find(hook_id) if hook_id else None
        of = f"{hook.name} of {hook.project}, {hook.id}" if hook else ""
        match error:
            case Unsigned() if hook:
                return f"this hook has no secret: {of}", "run `roundsman hooks apply`"
            case UnknownSecret() if hook:
                return (
                    f"this hook signs with a secret that we do not know: {of}",
                    "run `roundsman hooks apply --rotate`",
                )
        return error.reason, error.next_step

    def keep(self, refusal: Refusal) -> None:
        """Put a refusal on record before long, unless there was one just now: then the next one counts it."""
        now = asyncio.get_running_loop().time()
        if now < self._next_at or (self._keeping and not self._keeping.done()):
            self._skipped += 1
            return
        self._next_at = now + KEEP_EVERY_S
        self._keeping = asyncio.create_task(self._keep(replace(refusal, skipped=self._skipped)))
        self._skipped = 0

    async def _keep(self, refusal: Refusal) -> None:
        try:
            await self._store.write(refusals.keep, refusal)
        except Temporary as error:
            log.warning("a refusal is not on record", reason=str(error))

    async def _find(self, hook_id: str) -> KnownHook | None:
        try:
            async with asyncio.timeout(FIND_WITHIN_S):
                return await self._store.read(hooks.find, hook_id)
        except (Temporary, TimeoutError) as error:
            log.warning("the hook of a refused post was not looked up", hook=hook_id, reason=str(error) or "timeout")
            return None

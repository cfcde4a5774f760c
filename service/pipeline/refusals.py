"""Record refused posts, each with its remedy, without delaying their answers."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from service.db.database import Store
from service.errors import Rejected, Temporary, UnknownSecret, Unsigned
from service.model import KnownHook, Refusal
from service.pipeline.known_hooks import KnownHooks
from service.store.deliveries import refusals

Key = tuple[int, str, str | None]

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class RefusalLimits:
    """Limits of the record of refusals.

    A flood of forged posts must not become a flood of commits.

    write_every_s   seconds between two commits
    pending         refusals that wait to be written, each with a count
    """

    write_every_s: float = 1.0
    pending: int = 10


class Refusals:
    """A recorder of refusals, at most one a second, that names the hook at fault."""

    def __init__(self, store: Store, limits: RefusalLimits | None = None) -> None:
        self._store = store
        self._limits = limits or RefusalLimits()
        self._known_hooks = KnownHooks(store)
        self._pending: dict[Key, Refusal] = {}
        self._written_at: dict[str | None, float] = {}  # by the event loop's clock, for each kind: its next step
        self._writing: asyncio.Task[None] | None = None

    async def find_hook(self, hook_id: str) -> KnownHook | None:
        """Return the hook with this id; None for one that is not known to be ours."""
        return await self._known_hooks.find(hook_id)

    async def explain(self, error: Rejected, hook_id: str | None) -> tuple[str, str | None]:
        """Return reason and next step of a refusal, more precise if the hook is ours."""
        hook = await self.find_hook(hook_id) if hook_id else None
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
        """Enqueue a refusal for writing; equal refusals before that are counted in it.

        The hook that the last of them named stays: of posts that come close together, only some are looked into.
        """
        key = self._key(refusal)
        before = self._pending.get(key, replace(refusal, count=0))
        self._pending[key] = replace(
            refusal, count=before.count + refusal.count, hook_id=refusal.hook_id or before.hook_id
        )
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_next())

    def _key(self, refusal: Refusal) -> Key:
        """Return the key of a refusal among those pending.

        A hook of ours has a key of its own, from any address. With too many pending, the key of any other is
        that of another with the same next step: a flood from many addresses is counted in one.
        """
        if refusal.hook_id and refusal.hook_id in self._known_hooks:
            return (refusal.status, refusal.reason, refusal.hook_id)
        key = (refusal.status, refusal.reason, refusal.address)
        if key in self._pending or len(self._pending) < self._limits.pending:
            return key
        alike = (
            other
            for other, pending in self._pending.items()
            if pending.next_step == refusal.next_step and other[2] == pending.address
        )
        return next(alike, key)

    async def _write_next(self) -> None:
        """Write the pending refusal whose kind was written least recently."""
        key = min(self._pending, key=lambda one: self._written_at.get(self._pending[one].next_step, 0.0))
        refusal = self._pending.pop(key)
        loop = asyncio.get_running_loop()
        self._written_at[refusal.next_step] = loop.time()
        try:
            await self._store.write(refusals.keep, refusal)
        except Temporary as error:
            log.warning("a refusal is not on record", reason=str(error), posts=refusal.count)
        finally:
            loop.call_later(self._limits.write_every_s, self._schedule_next)

    def _schedule_next(self) -> None:
        self._writing = asyncio.create_task(self._write_next()) if self._pending else None

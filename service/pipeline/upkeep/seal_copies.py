"""Copy seals to a receiver or a file.

One who can write the database cannot write there. The newest seal proves all before it. A file gets it once a minute
where there is a new one, a receiver at the first seal of each period; a copy that fails is made by the next seal.
"""

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path

import structlog

from service.db.tables import Transaction
from service.model import News, Seal, SealCopies
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.own_news import OwnNews, plan_own
from service.store.audit import seals
from service.store.audit.sealed_tables import rfc3339
from service.store.notifications import notifications

KIND = "seal"  # their news are plain information, as digests are, and are told apart by this
TAIL_BYTES = 4_096  # more than the last line of the file has

log = structlog.get_logger()


async def copy_seal(context: Context) -> None:
    """Copy the newest seal to the places of roundsman.yaml."""
    copies = context.seal_copies
    if copies is None or (seal := await context.store.read(seals.last)) is None:
        return
    if copies.file is not None:
        await _append(copies.file, seal)
    if copies.receiver is not None and copies.receiver in context.receivers:
        await _send(context, copies, copies.receiver, seal)


async def _append(file: Path, seal: Seal) -> None:
    try:
        await asyncio.to_thread(append_line, file, seal)
    except OSError as error:
        log.warning("the file of seals cannot be written: see audit in roundsman.yaml", reason=error.strerror)


def append_line(file: Path, seal: Seal) -> None:
    """Append a seal to a file, unless it is its last line already. Raises OSError."""
    facts = {"number": seal.number, "hash": seal.hash, "covered_until": rfc3339(seal.covered_until)}
    line = f"{json.dumps(facts)}\n".encode()
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - TAIL_BYTES))
        tail = opened.read(TAIL_BYTES) or b""
        if tail.endswith(line):
            return
        opened.write(b"\n" + line if tail and not tail.endswith(b"\n") else line)  # a line that a crash cut stays one
        os.fsync(opened.fileno())


async def _send(context: Context, copies: SealCopies, receiver: str, seal: Seal) -> None:
    topic = f"seal:{int(context.clock().timestamp()) // copies.every_s}:{copies.every_s}"
    if await context.store.read(notifications.of_topics, [topic]):
        return
    own = OwnNews(
        news=News.DIGEST,
        topic=topic,
        receiver=receiver,
        title=f"Roundsman: seal {seal.number} of the audit chain",
        words="\n".join(_words(seal)),
        due_at=context.clock(),
        kind=KIND,
    )
    await context.store.write(_plan, context, own, context.clock())


def _words(seal: Seal) -> list[str]:
    until = f"It covers all until {seal.covered_until:%Y-%m-%d %H:%M:%S} UTC."
    use = "Keep this message: `roundsman audit verify --against FILE` compares the record with it."
    return [f"seal {seal.number} {seal.hash}", f"{until} {use}"]


def _plan(transaction: Transaction, context: Context, own: OwnNews, now: datetime) -> None:
    planned = plan_own(transaction, context, own, context.receivers[own.receiver].channels)
    enqueue_heads(transaction, context.jobs, planned, now)

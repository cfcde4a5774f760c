"""Sealing survives what happens to processes and databases."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.db.backup import back_up
from service.db.database import Store
from service.model import Action
from service.operations.audit import verify
from service.pipeline.upkeep.seal import seal
from service.seal_chain import read_kept, sentences
from service.store.audit import actions, seals
from tests.support.app_fixture import Instance, an_instance

CHILD = """
import asyncio, sys
from datetime import datetime
from types import SimpleNamespace
from service.db.database import Store
from service.pipeline.upkeep import seal as sealing

sealing.PAUSE_S = 0

async def main():
    store = Store(sys.argv[1])
    now = datetime.fromisoformat(sys.argv[2])
    await sealing.seal(SimpleNamespace(store=store, clock=lambda: now), batch_size=1)

asyncio.run(main())
"""
ROWS = 120


async def act(instance: Instance, count: int) -> None:
    for _ in range(count):
        done = Action(verb="resend", subject_id=uuid4(), who="ada", at=instance.clock())
        await instance.service.context.store.write(actions.record, done)
        instance.clock.tick(seconds=1)


async def report_of(store: Store, kept: dict[int, str] | None = None) -> dict[str, Any]:
    return await store.snapshot(verify, kept or {})


def restore(backup: Path, file: Path) -> None:
    """Put a backup in place of a database."""
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    shutil.copy(backup, file)


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_process_that_is_killed_between_batches_leaves_a_whole_chain(instance: Instance) -> None:
    await act(instance, ROWS)
    store, command = instance.service.context.store, [sys.executable, "-c", CHILD, instance.settings.database_url]
    child = await asyncio.create_subprocess_exec(*command, instance.clock().isoformat(), stdout=subprocess.DEVNULL)
    while (last := await store.read(seals.last)) is None or last.number < 3:
        await asyncio.sleep(0.005)
        assert child.returncode is None
    child.send_signal(signal.SIGKILL)
    await child.wait()

    killed = await report_of(store)
    await seal(instance.service.context)

    assert (killed["ok"], killed["rows"]["covered"] >= 3) == (True, True)
    report = await report_of(store)
    assert (report["ok"], report["rows"]["covered"]) == (True, ROWS)


@pytest.mark.long
async def test_restored_backup_is_whole_and_lacks_what_is_kept_elsewhere(folder: Path, tmp_path: Path) -> None:
    file, backup = folder / "roundsman.db", tmp_path / "backup.db"
    async with an_instance(folder) as instance:
        await act(instance, 1)
        await seal(instance.service.context)
        back_up(file, backup)
        await act(instance, 1)
        await seal(instance.service.context)
        kept = read_kept("\n".join(sentences(await report_of(instance.service.context.store))))
        assert list(kept) == [2]
    restore(backup, file)

    async with an_instance(folder) as instance:
        store = instance.service.context.store
        assert (await report_of(store))["ok"]
        [missing] = (await report_of(store, kept))["findings"]
        assert missing["sentence"].startswith("seal 2 is kept elsewhere and missing here")
        instance.clock.tick(hours=1)
        await act(instance, 1)
        await seal(instance.service.context)
        [other] = (await report_of(store, kept))["findings"]
        assert other["sentence"].startswith("seal 2 is not the one kept elsewhere")

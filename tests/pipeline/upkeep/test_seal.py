"""What is on record is sealed once a minute, and whatever is changed behind our back is named."""

import asyncio
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.db.database import Store
from service.errors import BadRequest
from service.model import Action
from service.operations.audit import VERIFIER, export, verify
from service.pipeline.upkeep.prune import prune
from service.pipeline.upkeep.seal import seal
from service.seal_chain import read_kept, sentences
from service.store.audit import actions, seals
from tests.support.app_fixture import GREEN, RED, Instance, still_writing
from tests.support.long_cases import few_and_long

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def report_of(instance: Instance, kept: dict[int, str] | None = None) -> dict[str, Any]:
    return await instance.service.context.store.snapshot(verify, kept or {})


async def a_sealed_build(instance: Instance) -> str:
    """A red build that was told of, sealed two minutes later."""
    event_id = await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(minutes=2)
    assert await seal(instance.service.context) > 0
    return str(UUID(event_id))


def found(report: dict[str, Any]) -> list[tuple[str, str | None]]:
    return sorted((one["finding"], one.get("table")) for one in report["findings"])


async def test_sealed_rows_verify(instance: Instance) -> None:
    await a_sealed_build(instance)
    await instance.finish(GREEN)

    report = await report_of(instance)

    assert (report["ok"], found(report), report["last_seal"]["number"]) == (True, [], 1)
    assert report["covered_until"] == "2026-03-02T09:31:00.000000Z"
    assert report["rows"]["covered"] == 4
    assert report["rows"]["not_covered_yet"] == 1
    assert sentences(report)[0] == "4 rows covered: all until 2026-03-02T09:31:00.000000Z, 0 after it"
    assert sentences(report)[1] == "1 newer row waits for the next seal"


Tampering = tuple[str, list[tuple[str, str | None]]]

TAMPERED: list[Tampering] = [
    ("UPDATE deliveries SET source_event_id = 'another'", [("changed", "deliveries")]),
    ("UPDATE decisions SET verdicts = 'n0'", [("changed", "decisions")]),
    ("UPDATE attempts SET receipt = 'lost'", [("changed", "attempts")]),
    ("UPDATE attempts SET outcome = 'interrupted'", [("changed", "attempts")]),
    ("UPDATE routes_versions SET digest = 'another'", [("changed", "routes_versions")]),
    ("DELETE FROM decisions", [("removed", "decisions")]),
    ("DELETE FROM deliveries", [("removed", "deliveries")]),
    ("DELETE FROM sealed_rows WHERE table_number = 2", [("seal", None)]),
    ("UPDATE seals SET covered_until = '2026-03-02 08:00:00.000000+00:00'", [("seal", None)]),
    ("UPDATE seals SET root = 'another'", [("seal", None), ("seal", None)]),
]


@pytest.mark.long
@pytest.mark.parametrize("tampering", few_and_long(TAMPERED, every=5))
async def test_tampered_row_is_named(instance: Instance, tampering: Tampering) -> None:
    statement, findings = tampering
    event_id = await a_sealed_build(instance)

    instance.change(statement)

    report = await report_of(instance)
    assert (report["ok"], found(report)) == (False, findings)
    named = [one["key"][0] for one in report["findings"] if one.get("table") in {"deliveries", "decisions"}]
    assert set(named) <= {event_id}


@pytest.mark.long
async def test_rows_that_were_deleted_with_their_hashes_are_told_by_the_time_of_their_seal(instance: Instance) -> None:
    await a_sealed_build(instance)
    await instance.finish(GREEN)
    await instance.drain()
    instance.clock.tick(minutes=2)
    await seal(instance.service.context)
    instance.change(
        "DELETE FROM decisions WHERE event_id IN (SELECT row_id FROM sealed_rows WHERE seal = 2 AND table_number = 2)"
    )
    instance.change("DELETE FROM sealed_rows WHERE seal = 2 AND table_number = 2")

    [finding] = (await report_of(instance))["findings"]
    assert "1 of its 2 rows is not on its list; it is of what was committed from 2026-03-02T" in finding["sentence"]


@pytest.mark.long
async def test_row_of_a_table_that_this_release_does_not_know_is_said_to_be_so(instance: Instance) -> None:
    """As after a rollback: a newer release may have added tables to the chain."""
    await a_sealed_build(instance)
    instance.change("UPDATE sealed_rows SET table_number = 99 WHERE table_number = 3")

    sentences = [one["sentence"] for one in (await report_of(instance))["findings"]]

    assert any("was removed, or is of a table that a newer release added" in one for one in sentences)


async def test_row_inserted_with_an_old_time_is_named(instance: Instance) -> None:
    await a_sealed_build(instance)
    instance.clock.tick(hours=3)
    await seal(instance.service.context)
    old = Action(verb="resend", subject_id=uuid4(), who="mallory", at=instance.clock() - timedelta(hours=2))

    await instance.service.context.store.write(actions.record, old)

    assert found(await report_of(instance)) == [("inserted", "actions")]
    instance.clock.tick(minutes=1)
    await seal(instance.service.context)
    assert found(await report_of(instance)) == [("inserted", "actions")]  # no seal takes it up later


@pytest.mark.long
async def test_seals_made_anew_are_found_by_those_kept_elsewhere(instance: Instance) -> None:
    await a_sealed_build(instance)
    kept = read_kept("\n".join(sentences(await report_of(instance))))
    assert len(kept) == 1

    instance.change("DELETE FROM decisions")
    instance.change("DELETE FROM seals")
    instance.change("DELETE FROM sealed_rows")
    await seal(instance.service.context)

    assert (await report_of(instance))["ok"]
    [finding] = (await report_of(instance, kept))["findings"]
    assert finding["sentence"].startswith("seal 1 is not the one kept elsewhere")
    [finding] = (await report_of(instance, {7: "0" * 64}))["findings"]
    assert finding["sentence"].startswith("seal 7 is kept elsewhere and missing here")


@pytest.mark.long
async def test_retention_says_what_it_removed(instance: Instance) -> None:
    await a_sealed_build(instance)
    instance.clock.tick(days=500)
    await instance.finish(GREEN)
    await instance.drain()
    await seal(instance.service.context)

    await prune(instance.service.context)

    report = await report_of(instance)
    assert (report["ok"], report["rows"]["removed_by_retention"] >= 3, found(report)) == (True, True, [])
    instance.change("DELETE FROM deliveries")
    assert found(await report_of(instance)) == [("removed", "deliveries")]


@pytest.mark.long
async def test_chain_that_begins_with_a_removal_claims_nothing(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(days=500)
    await instance.finish(GREEN)
    await prune(instance.service.context)

    claimed = await report_of(instance)
    await seal(instance.service.context)

    assert (claimed["ok"], claimed["rows"]["not_covered_yet"] > 0) == (True, True)
    assert (await report_of(instance))["ok"]


@pytest.mark.long
async def test_removal_that_retention_did_not_seal_is_named(instance: Instance) -> None:
    await a_sealed_build(instance)

    instance.change("DELETE FROM deliveries")
    instance.change("UPDATE sealed_rows SET removed_in = 1 WHERE table_number = 1")

    [finding] = (await report_of(instance))["findings"]
    assert finding["sentence"].endswith("claim that seal 1 removed them, which it did not")


@pytest.mark.long
async def test_batches_cover_all_in_the_order_of_time(instance: Instance) -> None:
    for _ in range(5):
        done = Action(verb="resend", subject_id=uuid4(), who="ada", at=instance.clock())
        await instance.service.context.store.write(actions.record, done)
        instance.clock.tick(minutes=1)
    instance.clock.tick(minutes=2)

    assert await seal(instance.service.context, batch_size=2) == 5

    report = await report_of(instance)
    assert (report["ok"], report["rows"]["covered"], report["last_seal"]["number"]) == (True, 5, 3)
    assert report["covered_until"] == "2026-03-02T09:36:00.000000Z"


@pytest.mark.long
async def test_pass_without_new_rows_seals_every_ten_minutes(instance: Instance) -> None:
    numbers = []
    for _ in range(11):
        await seal(instance.service.context)
        instance.clock.tick(minutes=1)
        numbers.append((await report_of(instance))["last_seal"]["number"])

    assert numbers == [1] * 10 + [2]


@pytest.mark.long
async def test_two_workers_seal_each_row_once(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    other = Store(instance.settings.database_url)
    twin = replace(instance.service.context, store=other)

    counts = await asyncio.gather(*(seal(context) for context in (instance.service.context, twin) for _ in range(2)))
    await other.close()

    report = await report_of(instance)
    assert (report["ok"], report["rows"]["covered"]) == (True, 4)
    assert sum(counts) == 4


async def test_batch_read_before_the_chain_grew_is_not_written(instance: Instance) -> None:
    await instance.finish(RED)
    store, now = instance.service.context.store, instance.clock()
    batch = await store.snapshot(seals.read_batch, now=now, limit=9)
    assert batch is not None

    assert await store.write(seals.append_rows, batch, now)
    assert not await store.write(seals.append_rows, batch, now)

    assert (await report_of(instance))["ok"]


@pytest.mark.long
async def test_clock_that_went_back_leaves_no_gap(instance: Instance) -> None:
    instance.clock.tick(days=1)
    await seal(instance.service.context)
    instance.clock.tick(days=-1)
    await instance.finish(RED)
    await instance.drain()

    await seal(instance.service.context)

    report = await report_of(instance)
    assert (report["ok"], report["rows"]["covered"]) == (True, 4)


@pytest.fixture
def exported(instance: Instance, tmp_path: Path) -> Callable[[str], Any]:
    async def write(name: str) -> Path:
        await instance.service.context.store.snapshot(export, tmp_path / name)
        return tmp_path / name

    return write


def run_verifier(folder: Path, *words: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-I", "-S", str(folder / VERIFIER), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def edit(file: Path, number: int, change: Callable[[dict[str, Any]], object]) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[number])
    change(row)
    lines[number] = json.dumps(row)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.long
async def test_export_verifies_without_roundsman(
    instance: Instance, exported: Callable[[str], Any], tmp_path: Path
) -> None:
    event_id = await a_sealed_build(instance)
    folder = await exported("audit")

    assert run_verifier(folder) == (0, sentences(await report_of(instance)))
    assert '"vcs":' in (folder / "rows.jsonl").read_text(encoding="utf-8").replace("\\", "")
    edit(folder / "rows.jsonl", 0, lambda row: row["row"].update(via="replay"))
    code, lines = run_verifier(folder)
    assert (code, lines[0].split(" of ")[0]) == (1, f"deliveries {event_id}")
    assert lines[0].endswith("was changed after seal 1")


@pytest.mark.long
async def test_each_change_of_an_export_is_named(instance: Instance, exported: Callable[[str], Any]) -> None:
    await a_sealed_build(instance)
    folder = await exported("audit")
    rows, kept = folder / "rows.jsonl", folder / "kept.txt"
    whole = rows.read_text(encoding="utf-8")
    kept.write_text("Roundsman: seal 1 " + "a" * 64, encoding="utf-8")

    assert run_verifier(folder, "--against", str(kept))[0] == 1
    for number in range(4):
        lines = whole.splitlines()
        del lines[number]
        rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
        code, said = run_verifier(folder)
        missing = "1 of its 4 rows is not on its list; it is of what was committed until 2026-03-02T"
        assert (code, missing in said[0]) == (1, True)
    rows.write_text(whole[:-30], encoding="utf-8")
    code, [said_line] = run_verifier(folder)
    assert (code, said_line.startswith("the export is damaged")) == (1, True)


@pytest.mark.long
async def test_export_overwrites_nothing(instance: Instance, exported: Callable[[str], Any], tmp_path: Path) -> None:
    archive = await exported("audit.tar.gz")

    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    assert run_verifier(tmp_path / "audit")[0] == 0
    assert archive.stat().st_mode & 0o077 == 0
    with pytest.raises(BadRequest, match="exists"):
        await exported("audit.tar.gz")


class TestLateCommits:
    """A transaction that is open while seals are made commits rows with earlier times."""

    pytestmark = pytest.mark.databases("postgres")

    @pytest.mark.long
    async def test_late_row_is_sealed_and_no_seal_claims_it_before(self, instance: Instance) -> None:
        other = Store(instance.settings.database_url)
        instance.clock.now = datetime.now(UTC)  # Postgres dates transactions by its own clock
        instance.clock.tick(seconds=0)
        done = Action(verb="resend", subject_id=uuid4(), who="ada", at=instance.clock())
        async with still_writing(other, lambda transaction: actions.record(transaction, done)):
            for _ in range(3):
                instance.clock.tick(minutes=61)
                await seal(instance.service.context)
        late = await report_of(instance)
        await seal(instance.service.context)
        report = await report_of(instance)
        await other.close()

        assert (late["ok"], late["rows"]["not_covered_yet"]) == (True, 1)
        assert (report["ok"], report["rows"]["covered"]) == (True, 1)

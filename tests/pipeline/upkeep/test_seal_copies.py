"""Seals are copied to a receiver and to a file: there one who writes the database cannot change them."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.config.configuration import load
from service.errors import BadConfig
from service.operations.audit import verify
from service.pipeline.upkeep.seal_copies import append_line
from service.seal_chain import read_kept
from service.store.audit import seals
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance, environ

TO_WEB = f"{RED_TO_WEB}audit: {{receiver: web, every: 1h}}\n"


async def findings(instance: Instance, kept: dict[int, str]) -> list[str]:
    report: dict[str, Any] = await instance.service.context.store.snapshot(verify, kept)
    return [one["sentence"] for one in report["findings"]]


@pytest.mark.databases("sqlite", "postgres")
async def test_receiver_gets_the_newest_seal_once_a_period(folder: Path) -> None:
    async with an_instance(folder, TO_WEB) as instance:
        for _ in range(3):
            await instance.service.pipeline.seal()
            await instance.drain(minutes=25)
        messages = [message for _, message in instance.channels.took]

        kept = read_kept("\n".join(message.text for message in messages))
        assert [message.title for message in messages] == [
            "Roundsman: seal 1 of the audit chain",
            "Roundsman: seal 3 of the audit chain",
        ]
        assert (list(kept), await findings(instance, kept)) == ([1, 3], [])
        assert {one["route"] for one in (await instance.http.get("/api/v1/notifications")).json()["items"]} == {"seal"}
        assert read_kept("\n".join(message.markdown for message in messages)) == kept
        instance.change("UPDATE seals SET hash = 'another' WHERE number = 1")
        assert any("kept elsewhere" in one for one in await findings(instance, kept))


async def test_file_gets_each_newest_seal_once(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    async with an_instance(folder, f"{RED_TO_WEB}audit: {{file: {file}}}\n") as instance:
        for _ in range(3):
            await instance.service.pipeline.seal()
            await instance.service.pipeline.seal()
            instance.clock.tick(minutes=11)

        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [line["number"] for line in lines] == [1, 2, 3]
        assert file.stat().st_mode & 0o077 == 0
        assert await findings(instance, read_kept(file.read_text(encoding="utf-8"))) == []


async def test_line_that_a_crash_cut_short_spoils_no_other(instance: Instance, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    file.write_text('{"number": 1, "ha', encoding="utf-8")
    await instance.service.pipeline.seal()
    seal = await instance.service.context.store.read(seals.last)
    assert seal is not None

    append_line(file, seal)

    assert read_kept(file.read_text(encoding="utf-8")) == {1: seal.hash}


async def test_file_that_cannot_be_written_stops_no_seal(folder: Path, tmp_path: Path) -> None:
    async with an_instance(folder, f"{RED_TO_WEB}audit: {{file: {tmp_path}/none/seals.jsonl}}\n") as instance:
        with capture_logs() as logs:
            await instance.service.pipeline.seal()

        [line] = [line for line in logs if line["event"].startswith("the file of seals")]
        assert line["reason"] == "No such file or directory"
        assert await instance.service.context.store.read(seals.last) is not None


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{}", "must have a receiver, a file, or both"),
        ("{receiver: nobody}", "nobody is not one of the receivers"),
        ("{file: seals.jsonl}", "must be the whole path of a file"),
        ("{receiver: web, every: 1m}", "must be between 1h and 7d"),
        ("{reciever: web}", "did you mean receiver?"),
    ],
)
def test_wrong_setting_is_refused_with_its_place(tmp_path: Path, written: str, problem: str) -> None:
    with pytest.raises(BadConfig, match=r"audit.*") as error:
        load(environ(tmp_path, f"{RED_TO_WEB}audit: {written}\n"))

    assert problem in str(error.value)

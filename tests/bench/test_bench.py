"""Every row of the benchmark in a tiny form, so that none rots; no figure counts here."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tests.bench.__main__ import MEASUREMENTS, limits_of, measure, profile
from tests.bench.bodies import body, read_requests, write_requests
from tests.bench.launch import forked
from tests.bench.processes import running, wrk
from tests.bench.report import DOCS, PAGES, Profile, Report, write_pages
from tests.bench.rows import Row
from tests.bench.scales import SCALES
from tests.bench.world import Bench
from tests.support import postgres
from tests.support.postgres import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.running() as server:
        yield server


@pytest.fixture
def bench(server: Server, *, is_long: bool) -> Bench:
    databases = ("SQLite", "Postgres") if is_long else ("SQLite",)
    return Bench(server=server, scale=replace(SCALES["tiny"], databases=databases), launch=forked)


@pytest.mark.long
@pytest.mark.parametrize("name", MEASUREMENTS)
async def test_row_is_measured(bench: Bench, name: str) -> None:
    rows = await MEASUREMENTS[name](bench)

    assert rows
    assert [row.what for row in rows if not row.measured] == []


@pytest.mark.long
async def test_wrk_sends_what_the_file_holds(bench: Bench, tmp_path: Path) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    write_requests(tmp_path / "requests", series=0, count=50)

    with bench.place("SQLite") as place:
        async with running(place, "barest") as barest:
            outcome = await wrk(barest.port, tmp_path / "requests", 1)

    assert outcome.answers > 0


def test_requests_of_a_file_are_those_that_were_written(tmp_path: Path) -> None:
    write_requests(tmp_path / "requests", series=1, count=20)

    requests = read_requests(tmp_path / "requests")

    assert len(set(requests)) == 20
    assert all(request.startswith(b"POST /hooks/circleci HTTP/1.1\r\n") for request in requests)


def test_bodies_differ_in_all_their_ids() -> None:
    one, other = (json.loads(body(number)) for number in (10, 20))

    assert one["workflow"]["status"] == other["workflow"]["status"] == "failed"
    for path in (("id",), ("pipeline", "id"), ("pipeline", "number"), ("workflow", "id"), ("workflow", "url")):
        assert value(one, path) != value(other, path)
    assert one["workflow"]["id"] in one["workflow"]["url"]


def value(payload: Any, path: Sequence[str]) -> Any:
    """Return what a path leads to."""
    return reduce(lambda inner, key: inner[key], path, payload)


def test_pages_get_the_figures_of_a_run(tmp_path: Path) -> None:
    for page in PAGES:
        shutil.copy(DOCS / page, tmp_path)
    missed = Row(what="drain: 9 events", where="SQLite", measured="7 events/s", reach="600", is_reached=False, rate=7)
    weighed = Row(what="disk, a green run", where="SQLite", measured="123 bytes")
    report = Report(machine="an invented machine", rows=[missed, weighed])
    profile = Profile(machine="another machine", limits={"drain, SQLite": ["60% in `commit`"]})

    write_pages(report.parts(), tmp_path)
    write_pages(profile.parts(), tmp_path)

    benchmarks, scaling = ((tmp_path / page).read_text(encoding="utf-8") for page in PAGES)
    assert "an invented machine" in benchmarks
    assert "| drain: 9 events | SQLite | 7 events/s | **600: not reached** |" in benchmarks
    assert "another machine" in benchmarks
    assert "- 60% in `commit`" in benchmarks
    assert "| drain: 9 events, SQLite | 7/s | 18 | 572 |" in scaling
    assert "123 bytes" in scaling
    assert "older than several changes" not in benchmarks + scaling


@pytest.mark.long
@pytest.mark.parametrize("database", ["SQLite", "Postgres"])
async def test_limits_name_functions_and_statements(bench: Bench, database: str) -> None:
    lines = await limits_of(bench, MEASUREMENTS["told"], database)

    assert all(re.match(r"\d+% ", line) for line in lines)
    assert any(re.match(r"\d+% in `.+\.py: \w+", line) for line in lines)
    assert any("Postgres: " in line for line in lines) == (database == "Postgres")


async def test_measurement_that_fails_is_named_and_does_not_lose_the_others(bench: Bench) -> None:
    async def stalls(_bench: Bench) -> list[Row]:
        raise TimeoutError("stalled at 3 events")

    async def works(_bench: Bench) -> list[Row]:
        return [Row(what="works", where="", measured="1")]

    measurements = {"drain": stalls, "told": works}

    report = await measure(bench, ["drain", "told"], [], measurements)
    limits = (await profile(bench, ["drain", "told"], [], measurements)).limits

    failed = "failed: stalled at 3 events"
    assert [row.measured for row in report.rows] == [failed, "1"]
    assert [limits[f"drain, {one}"] for one in bench.scale.databases] == [[failed]] * len(bench.scale.databases)
    assert "told, SQLite" in limits

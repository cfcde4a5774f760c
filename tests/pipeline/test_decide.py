"""Decisions on record: verdicts stay, and reasons follow from what was known at the time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.circleci.source import Source
from service.model import Delivery, Event
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.mark.databases("sqlite", "postgres")
async def test_facts_that_come_after_the_judgment_change_no_reason(folder: Path) -> None:
    routes = RED_TO_WEB + "  - {name: robots, match: {actor: 'renovate*'}, receiver: web}\n"
    async with an_instance(folder, routes) as instance:
        delivery = await instance.finish(RED)
        await instance.drain()
        shown = await instance.show(delivery)

    assert shown["actor"]["login"] == "ada"
    assert shown["decisions"][1]["reason"] == "this event has no actor"
    assert [decision["verdict_today"] for decision in shown["decisions"]] == [None, None]


class Renaming:
    """A source that understands the branch of a delivery otherwise than before."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def parse(self, delivery: Delivery) -> Event:
        return replace(self._source.parse(delivery), branch="renamed")


@pytest.mark.long
async def test_replay_by_a_release_that_reads_otherwise_changes_no_earlier_reason(folder: Path) -> None:
    routes = RED_TO_WEB.replace("match: {", "match: {branch: '!renamed', ")
    async with an_instance(folder, routes) as instance:
        delivery = await instance.finish(RED)
        await instance.drain()
        [before] = (await instance.show(delivery))["decisions"]

        instance.replace_source(Renaming)
        await instance.act(f"deliveries/{delivery}/replay")
        await instance.drain()
        [newer, older] = (await instance.show(delivery))["decisions"]

    assert newer["reason"] == "branch renamed is excluded by !renamed"
    assert older == before


@pytest.mark.long
async def test_verdict_on_record_is_shown_beside_that_of_another_release(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()
    [before] = (await instance.show(delivery))["decisions"]

    instance.change("UPDATE decisions SET verdicts = ''")  # as if rules had been others
    [decision] = (await instance.show(delivery))["decisions"]
    page = (await instance.http.get(f"/builds/{delivery}", headers={"Accept": "text/html"})).text

    assert decision == before | {"verdict": "not_matched", "verdict_today": "matched"}
    assert "By the rules of this release it would be matched" in page


@pytest.mark.long
async def test_hundreds_of_routes_are_one_row_for_an_event(folder: Path) -> None:
    more = "".join(
        f"  - {{name: r{n}, match: {{project: gh/acme/s{n}, actor: ada}}, receiver: web}}\n" for n in range(300)
    )
    async with an_instance(folder, RED_TO_WEB + more) as instance:
        delivery = await instance.finish(GREEN)
        await instance.drain()

        assert instance.rows("SELECT verdicts, is_told, notes FROM decisions") == [("", False, None)]
        assert len((await instance.show(delivery))["decisions"]) == 301

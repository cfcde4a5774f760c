"""A person is forgotten: what names them is blanked, what proves the rest stays."""

from typing import Any

import pytest

from service.errors import BadRequest
from service.operations.audit import verify
from service.operations.forget import find, forget, to_json
from service.pipeline.upkeep.seal import seal
from service.store.upkeep.blanking import Blanker, pattern_of
from service.store.upkeep.forgetting import BLANKED, TABLES
from tests.support.app_fixture import RED, Instance
from tests.support.cli_runner import Terminal
from tests.support.sample_history import Past, operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name

ADA = ("ada", "Ada Okafor")


async def report_of(instance: Instance) -> dict[str, Any]:
    return await instance.service.context.store.snapshot(verify, {})


async def who_started(instance: Instance) -> list[str]:
    [row] = instance.rows("SELECT actor_login, actor_name, commit_author_name, commit_author_email FROM events")
    return [str(value) for value in row if value]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_person_is_blanked_everywhere_and_the_chain_says_so(instance: Instance) -> None:
    event_id = await instance.finish(RED)
    await instance.drain()
    await seal(instance.service.context)
    names = [name for name in await who_started(instance) if name]
    assert names
    store = instance.service.context.store
    looked = await find(store, names)

    done = await forget(store, names, who="an admin", at=instance.clock())

    assert to_json(done) == to_json(looked)
    assert {"deliveries", "events"} <= to_json(done)["blanked"].keys()
    assert set(await who_started(instance)) == {"forgotten"}
    report = await report_of(instance)
    assert (report["ok"], report["findings"], report["rows"]["blanked"] > 0) == (True, [], True)
    assert to_json(await find(store, names))["blanked"] == {}
    assert (await instance.http.get(f"/builds/{event_id}")).status_code == 200
    found = (await instance.http.get("/api/v1/events", params={"q": "forgotten"})).json()["items"]
    assert len(found) == 1
    assert (await instance.http.get("/api/v1/events", params={"q": names[0].split()[0]})).json()["items"] == []


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_row_that_was_changed_by_hand_is_not_blanked(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await seal(instance.service.context)
    names = await who_started(instance)
    instance.change("UPDATE deliveries SET source_event_id = 'another'")

    done = await forget(instance.service.context.store, names, who="ada", at=instance.clock())

    assert [row.partition(" ")[0] for row in done.refused] == ["deliveries"]
    [finding] = (await report_of(instance))["findings"]
    assert (finding["finding"], finding["table"]) == ("changed", "deliveries")


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_blanked_row_is_forgotten_twice_and_still_proved(instance: Instance) -> None:
    await instance.finish(RED)
    await seal(instance.service.context)
    store = instance.service.context.store

    for words in (["workflow-completed"], ["forgotten"]):
        await forget(store, words, who="ada", at=instance.clock())
    await seal(instance.service.context)

    assert (await report_of(instance))["ok"]
    instance.change("UPDATE deliveries SET source_event_id = 'another'")
    assert not (await report_of(instance))["ok"]


def test_blanked_columns_are_of_their_tables() -> None:
    tables = {table.name: table for table in TABLES}

    wrong = [(name, set(columns) - set(tables[name].c.keys())) for name, columns in BLANKED.items() if name in tables]
    assert [pair for pair in wrong if pair[1]] == []


async def test_short_word_names_no_person(instance: Instance) -> None:
    with pytest.raises(BadRequest, match="too short"):
        await find(instance.service.context.store, ["ad"])


@pytest.mark.parametrize(
    ("body", "blanked"),
    [
        (b'{"actor": {"login": "ADA"}}', b'{"actor":{"login":"forgotten"}}'),
        (b'{"vcs": {"branch": "ada/fix"}}', b'{"vcs": {"branch": "ada/fix"}}'),
        (b'{"project": {"name": "ada"}, "author": {"name": "ada okafor"}}', None),
        (b'{"a": ["adamant", "by ada."]}', b'{"a":["adamant","by forgotten."]}'),
        (b"said ada, and left", b"said forgotten, and left"),
        (b"\xff ada", b"\xff ada"),
        (b'{"ada"', b'{"forgotten"'),
    ],
)
def test_body_is_blanked_but_for_names_of_things(body: bytes, blanked: bytes | None) -> None:
    expected = b'{"project":{"name":"ada"},"author":{"name":"forgotten"}}' if blanked is None else blanked

    assert Blanker(pattern=pattern_of(ADA)).in_body(body) == expected


@pytest.mark.long
def test_command_says_what_it_does_and_asks(operator: Terminal, past: Past) -> None:
    rows = operator.run("events", "list", "--json").json["items"]
    actor = next(row["actor"]["login"] for row in rows if row["actor"] and row["actor"]["login"])

    asked = operator.run("forget", actor)
    done = operator.run("forget", actor, "--yes")
    again = operator.run("forget", actor)

    assert asked.code == 2
    assert asked.problems[-1] == (
        "Blank these for good? There is no terminal to ask on, and nothing was done: add --yes"
    )
    assert done.code == 0
    assert [line for line in done.lines if line.startswith("blanked: ")] == [
        line for line in done.lines if line.startswith("blanked: all of that, ")
    ]
    assert again.lines[0] == "to blank: nothing"
    assert operator.run("audit", "verify").code == 0

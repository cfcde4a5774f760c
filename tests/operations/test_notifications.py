"""The list of notifications: what was told, to whom, and what was not, over the API and as a command."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import Permanent
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.cli_runner import Terminal

MAIN_TO_WEB = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - {name: main, match: {branch: main}, receiver: web}
"""
pytestmark = pytest.mark.databases("sqlite", "postgres")


async def listed(instance: Instance, query: str = "") -> list[tuple[str, str]]:
    """The build and the state of each notification that fits, in the order of the answer."""
    answer = await instance.http.get(f"/api/v1/notifications?{query}")
    assert answer.status_code == 200, answer.text
    return [(one["event"]["workflow"]["name"], one["state"]) for one in answer.json()["items"]]


@pytest.fixture
async def day(instance: Instance) -> Instance:
    """One red workflow that could not be told, a minute later one that was, and a green one."""
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(minutes=1)
    await instance.finish(replace(RED, number=4711))
    await instance.drain()
    await instance.finish(GREEN)
    await instance.drain()
    return instance


FILTERS: dict[str, list[str]] = {
    "": ["sent", "dead"],
    "receiver=web": ["sent", "dead"],
    "receiver=web&receiver=nobody": ["sent", "dead"],
    "receiver=nobody": [],
    "channel=web+(json)": ["sent", "dead"],
    "channel=web": [],
    "state=dead": ["dead"],
    "state=dead&state=sent": ["sent", "dead"],
    "state=pending": [],
    "since=2026-03-02T09:30:30Z": ["sent"],
    "until=2026-03-02T09:30:30Z": ["dead"],
    "since=2026-03-03": [],
    "receiver=&state=%20": ["sent", "dead"],
}


@pytest.mark.long
async def test_filter_keeps_matching_notifications(day: Instance) -> None:
    assert {query: [state for _, state in await listed(day, query)] for query in FILTERS} == FILTERS


async def test_an_event_is_found_by_whether_it_was_told(day: Instance) -> None:
    async def statuses(told: str) -> list[str]:
        return [event["status"] for event in (await day.http.get(f"/api/v1/events?told={told}")).json()["items"]]

    assert await statuses("none") == ["success"]
    assert await statuses("any") == ["failed", "failed"]
    assert len(await statuses("any&told=none")) == 3


@pytest.mark.long
async def test_pages_hang_together(day: Instance) -> None:
    first = (await day.http.get("/api/v1/notifications?limit=1")).json()
    second = (await day.http.get("/api/v1/notifications", params={"limit": 1, "cursor": first["next"]})).json()

    assert [one["state"] for one in first["items"] + second["items"]] == ["sent", "dead"]
    assert second["next"] is None


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("query", ["state=red", "limit=0", "limit=201", "cursor=x", "since=a&since=b", "team=web"])
async def test_invalid_parameter_is_a_400(instance: Instance, query: str) -> None:
    answer = await instance.http.get(f"/api/v1/notifications?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["error"]


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_command_lists_the_same_as_the_api(day: Instance, terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB)

    said = await asyncio.to_thread(terminal.run, "notifications", "list", "--state", "dead")
    as_json = await asyncio.to_thread(terminal.run, "notifications", "list", "--receiver", "web", "--json")

    assert said.code == 0
    assert "dead" in said.lines[1]
    assert "web (json)" in said.lines[1]
    assert "acme/web main: build-and-test failed" in said.lines[1]
    assert "the channel is gone" in said.lines[1]
    assert as_json.json == (await day.http.get("/api/v1/notifications?receiver=web&limit=20")).json()


@pytest.mark.databases("sqlite")
async def test_a_reason_does_not_repeat_the_channel_beside_it(instance: Instance, terminal: Terminal) -> None:
    instance.channels.plan["web (json)"] = [Permanent("web (json) answered 410")]
    await instance.finish(RED)
    await instance.drain()
    terminal.configure(RED_TO_WEB)

    said = await asyncio.to_thread(terminal.run, "notifications", "list")

    assert said.lines[-1].count("web (json)") == 1
    assert said.lines[-1].endswith("  answered 410")


@pytest.mark.databases("sqlite")
async def test_what_a_silence_holds_has_its_verdict_and_what_it_waits_for(folder: Path, terminal: Terminal) -> None:
    asked = {"matchers": {"branch": ["main"]}, "until": "2h", "comment": "a new runner"}
    async with an_instance(folder, MAIN_TO_WEB) as instance:
        assert (await instance.http.post("/api/v1/silences", json=asked)).is_success
        await instance.finish(RED)
        await instance.drain()
        terminal.configure(MAIN_TO_WEB)

        said = await asyncio.to_thread(terminal.run, "notifications", "list")
        [one] = (await instance.http.get("/api/v1/notifications")).json()["items"]

    assert (one["state"], one["waits_for"], one["verdict"]) == ("pending", "silence", "silenced")
    assert "waits: silence  silenced" in said.lines[-1]
    assert said.lines[-1].endswith("  until 2026-03-02 11:30:00 UTC")


async def test_verdict_is_that_of_the_round_that_planned_it(day: Instance) -> None:
    [told, dead] = (await day.http.get("/api/v1/notifications")).json()["items"]
    await day.act(f"deliveries/{dead['event_id']}/replay")
    await day.drain()

    assert (told["verdict"], dead["verdict"]) == ("matched", "matched")
    assert [one["verdict"] for one in (await day.http.get("/api/v1/notifications")).json()["items"]] == ["matched"] * 2

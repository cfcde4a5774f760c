"""The page of notifications: what was said to whom, when, why, and what waits."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import Permanent
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
HOSTILE = "<script>alert(1)</script>"
DAY_RATE = """\
receivers:
  web: {channels: ["json://web.example.com"]}
  phones: {channels: ["json://phones.example.com"]}
routes:
  - {name: red, match: {status: [failed, error]}, receiver: web, continue: true}
  - {name: phones, match: {project: gh/acme/web, status: failed}, receiver: phones}
"""


async def page(instance: Instance, address: str = "/notifications") -> httpx.Response:
    response = await instance.http.get(address)
    assert response.status_code == 200, response.text
    return response


async def rows(instance: Instance, query: str = "") -> Any:
    response = await instance.http.get(f"/notifications.json{query}", headers=BEARER)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def day(folder: Path) -> Any:
    """A red build of which one channel was told, and another could not be."""
    async with an_instance(folder, DAY_RATE) as instance:
        instance.channels.plan["phones (json)"] = [Permanent(f"the channel is gone {HOSTILE}")]
        await instance.finish(replace(RED, subject=HOSTILE))
        await instance.drain()
        yield instance


async def test_an_empty_page_says_where_to_look(instance: Instance) -> None:
    assert "No one was told of anything yet." in text(await page(instance))


@pytest.mark.databases("sqlite", "postgres")
async def test_each_stands_with_what_was_said_to_whom_and_why(day: Instance) -> None:
    shown, found = await page(day), await rows(day)

    words = text(shown)
    assert {one["channel_label"]: one["state"] for one in found["items"]} == {
        "web (json)": "sent",
        "phones (json)": "dead",
    }
    assert {one["verdict"] for one in found["items"]} == {"matched"}
    assert "to web (json) · by route 'red' (matched)" in words.replace("' red '", "'red'")
    assert "told today" in words
    assert "not delivered" in words
    assert "the channel is gone" in words
    assert "What was said" in words
    assert HOSTILE not in shown.text


@pytest.mark.databases("sqlite", "postgres")
async def test_filters_keep_their_part(day: Instance) -> None:
    kept = {
        query: [one["channel_label"] for one in (await rows(day, query))["items"]]
        for query in (
            "?receiver=web",
            "?state=dead",
            "?project=acme/web",
            "?project=gh/acme/web&receiver=phones",
            "?project=github/acme/web&state=sent",
            "?project=acme/ios",
            "?since=1h&channel=web+(json)",
        )
    }

    assert {query: sorted(labels) for query, labels in kept.items()} == {
        "?receiver=web": ["web (json)"],
        "?state=dead": ["phones (json)"],
        "?project=acme/web": ["phones (json)", "web (json)"],
        "?project=gh/acme/web&receiver=phones": ["phones (json)"],
        "?project=github/acme/web&state=sent": ["web (json)"],
        "?project=acme/ios": [],
        "?since=1h&channel=web+(json)": ["web (json)"],
    }
    assert "✓ not delivered" in text(await page(day, "/notifications?state=dead"))


@pytest.mark.databases("sqlite")
async def test_a_wrong_name_is_named_with_one_like_it(day: Instance, terminal: Terminal) -> None:
    words = text(await page(day, "/notifications?receiver=phone&project=acme/wep"))
    terminal.configure(DAY_RATE)
    said = await asyncio.to_thread(
        terminal.run, "notifications", "list", "--receiver", "phone", "--project", "acme/wep"
    )

    for shown in (words, said.out):
        assert "here is no receiver 'phone'; did you mean phones?" in shown
        assert "o run of project 'acme/wep' is on record; did you mean" in shown


@pytest.mark.parametrize(
    ("query", "words"), [("state=lost", "'lost' is not a state"), ("color=red", "means nothing here")]
)
async def test_a_wrong_parameter_is_named(instance: Instance, query: str, words: str) -> None:
    answers = [await instance.http.get(f"/notifications{twin}?{query}", headers=BEARER) for twin in ("", ".json")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert all(words in answer.text.replace("&#39;", "'") for answer in answers)


async def test_empty_fields_are_dropped_and_strangers_are_led_to_the_login(instance: Instance) -> None:
    short = await instance.http.get("/notifications?receiver=&state=dead")
    async with instance.stranger() as stranger:
        answers = [(await stranger.get(path)).status_code for path in ("/notifications", "/notifications.json")]

    assert (short.status_code, short.headers["location"]) == (303, "/notifications?state=dead")
    assert answers == [303, 401]

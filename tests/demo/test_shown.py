"""The summary of the day: each thing is checked by reading back, and one that is missing is told."""

from collections.abc import Callable
from datetime import date
from io import StringIO
from typing import Any

import httpx
import pytest
from rich.console import Console

from service.demo.shown import CHECKS, Readback, print_shown, show_all
from service.testing import day_runs, sample_runs
from service.testing.inbox import Card

MONDAY = date(2026, 3, 2)
NAMES = [
    "broke",
    "taken",
    "still red",
    "fixed",
    "flaky",
    "storm, canceled",
    "storm, red",
    "waits",
    "insights",
    "digest",
]


def readback(answer: Callable[[httpx.Request], httpx.Response], *cards: Card) -> Readback:
    async def explain(_: str) -> str:
        return ""

    api = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://roundsman")
    return Readback(api=api, cards=cards, explain=explain)


def nothing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"items": []})


async def shown(of: Readback) -> dict[str, str]:
    return dict(await show_all(of, MONDAY))


async def test_of_a_day_without_anything_each_thing_is_missing() -> None:
    found = await shown(readback(nothing))

    assert list(found) == NAMES
    assert [name for name, words in found.items() if not words.startswith("MISSING: ")] == []


@pytest.mark.parametrize("status", [401, 500])
async def test_api_that_refuses_is_named(status: int) -> None:
    found = await shown(readback(lambda _: httpx.Response(status)))

    assert found["taken"] == f"MISSING: the API answered {status} for events"


async def test_message_of_a_break_without_its_suspects_is_missing() -> None:
    names = "\n".join(test.name for test in sample_runs.VOUCHERS)
    text = f"usually 4 min 02 s. Green for 3 days before this.\n{names}"
    card = Card(team="web-team", title="acme/web main broke: 3 tests fail in unit-tests", text=text, kind="failure")

    assert (await shown(readback(nothing, card)))["broke"] == (
        "MISSING: 'Changed since the last green run by Ada Example' is not in the message"
    )


async def test_message_that_came_twice_is_told() -> None:
    card = Card(team="leads", title="Digest day: 3 red now", text="", kind="info")

    assert (await shown(readback(nothing, card, card)))["digest"].startswith("MISSING: 2 messages 'Digest day: '")


async def test_storm_that_told_somebody_is_missing() -> None:
    run = {"id": "1", "workflow": {"id": ""}, "transition": "none", "number_in_pipeline": 1}

    def answer(request: httpx.Request) -> httpx.Response:
        event: Any = run | {"workflow": {"id": day_runs.mobile_canceled(MONDAY).workflow_id}}
        if request.url.path.endswith("/events"):
            return httpx.Response(200, json={"items": [event] * 13})
        return httpx.Response(200, json=event | {"notifications": [{"state": "sent"}]})

    assert (await shown(readback(answer)))["storm, canceled"] == "MISSING: a message was sent"


def test_a_list_with_something_missing_says_what() -> None:
    console = Console(file=StringIO(), width=80)

    assert print_shown(console, [("broke", "a message"), ("digest", "MISSING: it is not there")]) is False
    assert print_shown(console, [("broke", "a message")]) is True
    assert isinstance(console.file, StringIO)
    assert "missing: digest\n" in console.file.getvalue()
    assert console.file.getvalue().endswith("The day showed all that it was to show.\n")


def test_each_thing_of_the_day_is_checked() -> None:
    assert list(CHECKS) == NAMES

"""MCP over HTTP and over standard input, by the SDK's own client; and those who may not ask."""

import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config.env import load_settings
from service.errors import BadConfig
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance, environ
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.processes import ROUNDSMAN, serve, surroundings
from tests.support.sample_history import ROUTES, Past, past

__all__ = ["past"]  # pytest finds fixtures by name

mcp: Any = pytest.importorskip("mcp", reason="the extra roundsman[mcp] is not installed")
httpx2: Any = pytest.importorskip("httpx2")

READ_TOKEN = "an-invented-token-that-only-reads-0123"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "what_is_red", "arguments": {}}}
HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
BEARER = {"Authorization": f"Bearer {READ_TOKEN}"}


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN, ROUNDSMAN_MCP="true") as opened:
        yield opened


async def post(instance: Instance, body: Any = CALL, **headers: str) -> httpx.Response:
    parts = instance.service.assistants
    async with parts.running() if parts else nullcontext(), instance.stranger() as client:
        return await client.post("/mcp", json=body, headers={**HEADERS, **headers})


async def test_read_token_opens_it_and_the_answer_is_json(instance: Instance) -> None:
    answer = await post(instance, **BEARER)

    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"]["data"]["red"] == 0
    assert answer.headers["cache-control"] == "no-store"
    assert (await post(instance, Authorization=f"Bearer {ADMIN_TOKEN}")).status_code == 200


async def test_without_a_token_it_is_closed_and_a_session_is_none(instance: Instance) -> None:
    async with instance.stranger() as client:
        begun = await client.post("/login", data={"token": ADMIN_TOKEN})
    cookie = begun.headers["set-cookie"].partition(";")[0]

    answers = [
        await post(instance),
        await post(instance, Cookie=cookie),
        await post(instance, Authorization="Bearer wrong"),
    ]

    assert [one.status_code for one in answers] == [401, 401, 401]
    assert "error" in answers[0].json()


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_page_of_another_origin_is_refused(instance: Instance, header: dict[str, str]) -> None:
    assert (await post(instance, **BEARER, **header)).status_code == 403


async def test_read_token_still_changes_nothing_elsewhere(instance: Instance) -> None:
    async with instance.stranger() as client:
        answer = await client.post("/api/v1/silences", json={}, headers=BEARER)

    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_posts_are_taken(instance: Instance, method: str) -> None:
    async with instance.stranger() as client:
        answer = await client.request(method, "/mcp", headers={**HEADERS, **BEARER})

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_too_large_a_question_is_refused(instance: Instance) -> None:
    large = {**CALL, "params": {"name": "what_is_red", "arguments": {"project": "x" * 70_000}}}

    assert (await post(instance, large, **BEARER)).status_code == 413


@pytest.mark.parametrize("body", [[], "x", {}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1, "method": "no/such"}])
async def test_what_is_no_question_is_an_error_and_no_crash(instance: Instance, body: Any) -> None:
    answer = await post(instance, body, **BEARER)

    assert answer.status_code in {200, 400, 404}
    assert "error" in answer.json()


async def test_one_too_many_at_once_is_asked_to_come_again(instance: Instance) -> None:
    vars(instance.service.assistants)["max_at_once"] = 0

    answer = await post(instance, **BEARER)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_it_is_not_there_unless_it_is_switched_on(folder: Path) -> None:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN) as quiet:
        assert (await post(quiet, **BEARER)).status_code == 404


async def test_without_the_extra_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)

    with pytest.raises(BadConfig, match=r"pip install 'roundsman\[mcp\]'"):
        async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_MCP="true"):
            pass


def test_switch_is_true_or_false() -> None:
    with pytest.raises(BadConfig, match="ROUNDSMAN_MCP"):
        load_settings({"ROUNDSMAN_MCP": "perhaps"})


async def answers_of(client: Any) -> tuple[list[str], str]:
    """The tools of a service with a past, and the first channel that its red build was to be told to."""
    tools = [one.name for one in (await client.list_tools()).tools]
    state = await client.call_tool("what_is_red", {"project": "acme/web"})
    return tools, str(state.structured_content["data"]["state"])


@pytest.mark.long
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_sdk_asks_a_real_service_over_http(tmp_path: Path, past: Past, mode: str) -> None:
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - it needs the extra

    settings = environ(past.folder, ROUTES) | {"ROUNDSMAN_READ_TOKEN": READ_TOKEN, "ROUNDSMAN_MCP": "true"}
    with serve(tmp_path, settings) as served:
        async with httpx2.AsyncClient(headers=BEARER, trust_env=False) as http:
            transport = streamable_http_client(f"{served.address}/mcp", http_client=http)
            async with mcp.Client(transport, mode=mode) as client:
                tools, state = await answers_of(client)

    assert (len(tools), state) == (6, "green")


@pytest.mark.long
async def test_sdk_asks_the_command_over_standard_input(tmp_path: Path, past: Past) -> None:
    env = surroundings(environ(past.folder, ROUTES))
    command = mcp.StdioServerParameters(command=str(ROUNDSMAN), args=["mcp"], env=env, cwd=str(tmp_path))
    async with mcp.Client(command) as client:
        tools, state = await answers_of(client)

    assert (len(tools), state) == (6, "green")

"""The token of the exporter: two are accepted while one replaces the other, and a file of it is read again."""

import json
from pathlib import Path

import pytest

from service.config.configuration import load
from service.config.env import load_settings
from service.errors import BadConfig
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance, environ
from tests.support.otlp_exports import TOKEN, export, workflow_span

NEW = "another-invented-token-of-the-exporter-9876543210"


async def status_with(instance: Instance, token: str) -> int:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    async with instance.stranger() as exporter:
        body = json.dumps(export(workflow_span(RED))).encode()
        return (await exporter.post("/otlp/v1/traces", content=body, headers=headers)).status_code


async def test_both_tokens_are_accepted_and_counted_while_one_replaces_the_other(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_OTLP_TOKEN=f"{NEW}\n{TOKEN}\n") as instance:
        statuses = [await status_with(instance, token) for token in (TOKEN, NEW, NEW, f"{NEW},{TOKEN}", "")]

        assert statuses == [200, 200, 200, 401, 401]
        assert [instance.counted("span_exports", token=number) for number in ("1", "2")] == [2, 1]


async def test_a_token_is_replaced_while_the_process_runs(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_OTLP_TOKEN=TOKEN) as instance:
        instance.service.reload(load(environ(folder, RED_TO_WEB, ROUNDSMAN_OTLP_TOKEN=NEW)))

        assert [await status_with(instance, token) for token in (TOKEN, NEW)] == [401, 200]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("short", "needs 32 characters"),
        (f"{TOKEN},short", "token 2 of 2 needs 32 characters"),
        (f"{TOKEN}\n{TOKEN[:30]} é0123", "token 2 of 2 has a character that no header carries"),
    ],
)
def test_each_token_is_held_to_the_rules(written: str, problem: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load_settings({"ROUNDSMAN_OTLP_TOKEN": written})

    assert [one.startswith(f"ROUNDSMAN_OTLP_TOKEN {problem}") for one in caught.value.problems] == [True]
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("other", ["ADMIN_TOKEN", "READ_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_ADMIN_TOKEN"])
def test_a_token_that_is_another_of_ours_is_refused(other: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load_settings({"ROUNDSMAN_OTLP_TOKEN": f"{NEW}\n{TOKEN}", f"ROUNDSMAN_{other}": TOKEN})

    assert "is the same as another token of ours" in str(caught.value)

"""Tokens of programs that act: what each opens, under which name it is on record, and what stays closed."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config.env import load_settings
from service.errors import BadConfig
from service.model import AccessRole
from service.web.auth.rights import needed_right
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.log_capture import logged
from tests.support.operator_client import ADMIN_TOKEN
from tests.web.test_rights import address, requests

TOKEN = "an-invented-token-of-a-program-0123"
OTHER = "another-invented-token-of-a-program-45"
SETTINGS: dict[str, Any] = {
    "ROUNDSMAN_OPERATOR_TOKENS": f"deploy-bot={TOKEN}\nrelease.bot={OTHER}",
    "ROUNDSMAN_READ_TOKEN": "an-invented-token-that-only-reads-0123",
}
SILENCE = {"matchers": {"project": "acme/web"}, "until": "2h", "comment": "a release"}
SILENCES = "/api/v1/silences"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def as_bot(instance: Instance, method: str, path: str, token: str = TOKEN, **more: Any) -> httpx.Response:
    return await instance.http.request(method, path, headers=bearer(token), **more)


async def test_token_acts_as_its_program_and_the_record_says_so(folder: Path) -> None:
    async with an_instance(folder, RED_TO_WEB, **SETTINGS) as instance:
        await instance.finish(RED)
        await instance.drain()
        [incident] = (await as_bot(instance, "GET", "/api/v1/incidents")).json()["items"]
        [told] = (await as_bot(instance, "GET", "/api/v1/notifications")).json()["items"]
        taken = await as_bot(instance, "POST", f"/api/v1/incidents/{incident['id']}/take", json={})
        resent = await as_bot(instance, "POST", f"/api/v1/notifications/{told['id']}/resend", token=OTHER)
        silence = await as_bot(instance, "POST", SILENCES, json=SILENCE)
        acts = instance.rows("SELECT verb, who FROM actions ORDER BY at, id")

    assert [answer.status_code for answer in (taken, resent, silence)] == [200, 202, 201]
    assert taken.json()["taken"]["by"] == "api token of deploy-bot"
    assert silence.json()["who"] == "api token of deploy-bot"
    assert ("resend", "api token of release.bot") in acts


@pytest.mark.long
async def test_each_change_over_the_api_is_for_its_role(folder: Path) -> None:
    async with an_instance(folder, **SETTINGS) as instance:
        answers = {
            (method, path): await as_bot(instance, method, address(path))
            for method, path in requests(instance)
            if path.startswith("/api/v1") and method != "GET"
        }

    assert len(answers) > 10
    for (method, path), answer in answers.items():
        is_his = AccessRole.OPERATOR.includes(needed_right(method, path).role)
        assert (answer.status_code != 403) == is_his, (method, path, answer.text)


async def test_token_ends_its_own_silences_and_no_others(folder: Path) -> None:
    async with an_instance(folder, **SETTINGS) as instance:
        own = (await as_bot(instance, "POST", SILENCES, json=SILENCE)).json()["id"]
        other = (await as_bot(instance, "POST", SILENCES, token=OTHER, json=SILENCE)).json()["id"]
        answers = [await as_bot(instance, "DELETE", f"{SILENCES}/{one}") for one in (own, other)]
        by_admin = await as_bot(instance, "DELETE", f"{SILENCES}/{other}", token=ADMIN_TOKEN)

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["error"] == (
        "this needs the role admin (end the silences of others), and api token of deploy-bot has the role operator; "
        "send the admin token"
    )
    assert by_admin.status_code == 200


async def test_token_opens_no_page_begins_no_session_and_is_no_password_of_basic(folder: Path) -> None:
    basic = {"Authorization": "Basic " + b64encode(f"any:{TOKEN}".encode()).decode()}
    with logged() as log:
        async with an_instance(folder, **SETTINGS) as instance:
            http = httpx.AsyncClient(
                transport=instance.http._transport, base_url=instance.http.base_url
            )  # no cookie of ours
            answers = [
                await http.get("/builds", headers=bearer(TOKEN)),
                await http.post("/login", data={"token": TOKEN}),
                await http.get("/api/v1/incidents", headers=basic),
                await http.get("/api/v1/incidents", headers=bearer(f"deploy-bot={TOKEN}")),
                await http.get("/api/v1/incidents", headers=bearer(TOKEN[:-1])),
            ]

    assert [answer.status_code for answer in answers] == [303, 401, 401, 401, 401]
    assert TOKEN not in str(log.lines)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (TOKEN, "has no name for token 1: write NAME=TOKEN"),
        (f"deploy bot={TOKEN}", "has no name for token 1"),
        (f"a={TOKEN},Admin={OTHER}", "has no name for token 2"),
        ("deploy-bot=short", "has a token of deploy-bot that needs 32 characters, 10 of them different"),
        (f"a={TOKEN},b={TOKEN}", "has one token under two names"),
    ],
)
def test_wrong_setting_is_refused_without_its_token(written: str, problem: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(problem)) as caught:
        load_settings({"ROUNDSMAN_OPERATOR_TOKENS": written})

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("other", ["ADMIN_TOKEN", "READ_TOKEN", "OTLP_TOKEN", "CIRCLECI_TOKEN"])
def test_token_that_is_another_of_ours_is_refused(other: str) -> None:
    with pytest.raises(BadConfig, match="another token of ours"):
        load_settings({"ROUNDSMAN_OPERATOR_TOKENS": f"deploy-bot={TOKEN}", f"ROUNDSMAN_{other}": TOKEN})


def test_tokens_come_from_a_file_and_two_of_one_name_while_one_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"deploy-bot={TOKEN}\ndeploy-bot={OTHER}\n")

    settings = load_settings({"ROUNDSMAN_OPERATOR_TOKENS_FILE": str(tmp_path / "tokens")})

    assert settings.operator_tokens == (f"deploy-bot={TOKEN}", f"deploy-bot={OTHER}")


def test_check_names_the_programs_and_no_token(terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB, **SETTINGS)

    said = terminal.run("check")

    assert "operator tokens: deploy-bot, release.bot: each may act as an operator in the API" in said.out
    assert TOKEN not in said.out + said.err

"""Logins at an OpenID provider: their way, and the users that they let in."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.config.env import load_settings
from service.errors import BadConfig
from service.oidc.provider import oidc_client
from service.operations.checks.checks import Grade
from service.operations.checks.oidc_check import check_provider
from tests.support.app_fixture import Clock
from tests.support.long_cases import first_and_long
from tests.support.oidc_provider import CLIENT_SECRET, CODE, a_provider
from tests.support.oidc_site import ADDRESS, CALLBACK, Site, a_site, another_browser


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    async with a_site(folder) as opened:
        yield opened


async def test_a_user_logs_in_and_comes_to_the_page_wanted(site: Site) -> None:
    site.provider.claims = {"groups": ["developers", "guests"]}
    answer = await site.log_in("/builds?branch=main")
    page = await site.browser.get("/sessions")

    assert (answer.status_code, answer.headers["location"]) == (303, "/builds?branch=main")
    assert "ada@example.com" in page.text
    assert "with the role operator" in page.text
    assert site.instance.rows("SELECT user_name, kind, address FROM sessions") == [
        ("ada@example.com", "openid_connect", "192.0.2.1")
    ]


async def test_the_login_page_leads_to_the_provider(site: Site) -> None:
    page = await site.browser.get("/login", params={"next": "/builds?branch=a&status=failed"})

    assert 'href="/login/oidc?next=%2Fbuilds%3Fbranch%3Da%26status%3Dfailed"' in page.text


async def test_each_login_has_its_own_secrets_and_none_is_in_the_address(site: Site) -> None:
    sent = [await site.browser.get("/login/oidc") for _ in range(2)]
    [one, other] = [site.provider.authorize(answer.headers["location"]) and site.provider.begun for answer in sent]

    assert not any(one[name] == other[name] for name in ("state", "nonce", "code_challenge"))
    assert CLIENT_SECRET not in sent[0].headers["location"]
    assert one["redirect_uri"] == f"{ADDRESS}{CALLBACK}"
    assert (one["response_type"], one["scope"]) == ("code", "openid email profile")
    assert "HttpOnly" in sent[0].headers["set-cookie"]


@pytest.mark.parametrize(
    "wanted",
    first_and_long(
        ["//evil.example", "https://evil.example", "/\\evil.example", "/%0d%0a", "javascript:1", "/" + "x" * 1_001]
    ),
)
async def test_a_login_leads_to_no_other_site(site: Site, wanted: str) -> None:
    answer = await site.log_in(wanted)

    assert answer.headers["location"] in {"/", "/%0d%0a"}


# What the browser brings back


@pytest.mark.parametrize(
    "changes",
    first_and_long([{"state": "another"}, {"state": ""}, {"iss": "https://another.example"}, {"code": "another"}]),
)
async def test_what_another_login_brought_is_refused(site: Site, changes: dict[str, str]) -> None:
    answer = await site.log_in(**changes)

    assert answer.status_code == 401
    assert "log in again" in answer.text
    assert site.instance.rows("SELECT count(*) FROM sessions") == [(0,)]


async def test_a_code_is_of_no_use_in_another_browser(site: Site) -> None:
    sent = await site.browser.get("/login/oidc")
    brought = site.provider.authorize(sent.headers["location"])
    async with another_browser(site.instance) as victim:
        answer = await victim.get(CALLBACK, params=brought)

    assert answer.status_code == 401
    assert "This login was begun in another browser" in answer.text


async def test_a_login_is_good_for_ten_minutes_and_once(site: Site) -> None:
    sent = await site.browser.get("/login/oidc")
    brought = site.provider.authorize(sent.headers["location"])
    looked = await site.browser.head(CALLBACK, params=brought)
    site.instance.clock.tick(minutes=10, seconds=1)
    late = await site.browser.get(CALLBACK, params=brought)
    await site.log_in()
    again = await site.browser.get(CALLBACK, params={"code": CODE, "state": site.provider.begun["state"]})

    assert [answer.status_code for answer in (looked, late, again)] == [401, 401, 401]


@pytest.mark.parametrize(
    ("error", "says"),
    first_and_long([("access_denied", "access_denied"), ("<script>", "it gave an error"), ("x" * 99, "it gave an e")]),
)
async def test_the_provider_may_say_no(site: Site, error: str, says: str) -> None:
    answer = await site.log_in(error=error)

    assert answer.status_code == 401
    assert f"The OpenID provider did not log you in ({says}" in answer.text
    assert "<script>" not in answer.text


async def test_a_login_after_a_refusal_leads_to_the_page_that_was_wanted(site: Site) -> None:
    page = "/tests?state=flaky&project=acme/web"

    declined = await site.log_in(page, error="access_denied")
    again = html.unescape(declined.text).partition('href="/login/oidc')[2].partition('"')[0]
    sent = await site.browser.get(f"/login/oidc{again}")
    back = await site.browser.get(CALLBACK, params=site.provider.authorize(sent.headers["location"]))

    assert (declined.status_code, back.headers["location"]) == (401, page)
    assert f'name="next" value="{page}"' in html.unescape(declined.text)


async def test_a_login_that_took_too_long_leads_to_the_page_wanted_the_next_time(site: Site) -> None:
    page = "/builds?q=main"
    sent = await site.browser.get("/login/oidc", params={"next": page})
    kept_for = int(sent.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0])
    brought = site.provider.authorize(sent.headers["location"])
    site.instance.clock.tick(minutes=10, seconds=1)

    late = await site.browser.get(CALLBACK, params=brought)

    assert (late.status_code, kept_for) == (401, 3600)
    assert f'name="next" value="{page}"' in html.unescape(late.text)


# Who is let in


@pytest.mark.parametrize(
    ("changes", "says"),
    first_and_long(
        [
            ({"email_verified": False}, "has not verified the address ada@example.com"),
            ({"email_verified": None}, "has not verified the address ada@example.com"),
            ({"email_verified": "false"}, "has not verified the address"),
            ({"email_verified": ["true"]}, "has not verified the address"),
            ({"email_verified": 1}, "has not verified the address"),
            ({"email": "ada@elsewhere.example"}, "There is no login here for ada@elsewhere.example"),
            ({"email": "ada@example.com.evil.example"}, "There is no login here for"),
            ({"email": "ada@example.com@evil.example"}, "names no email address of yours"),
            ({"email": "example.com"}, "names no email address of yours"),
            ({"email": ["ada@example.com"]}, "names no email address of yours"),
            ({"email": "a" * 200 + "@example.com"}, "names no email address of yours"),
        ]
    ),
)
async def test_who_may_not_come_in_is_told_the_next_step(site: Site, changes: dict[str, Any], says: str) -> None:
    site.provider.claims = changes
    answer = await site.log_in()

    assert answer.status_code == 403
    assert says in answer.text
    assert "log in again" in answer.text or "ask an admin: ROUNDSMAN_OIDC_DOMAINS" in answer.text
    assert site.instance.rows("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("groups", "status"),
    first_and_long([(["Builders"], 303), ("builders", 303), (["guests"], 403), (None, 403)]),
)
async def test_a_group_may_be_needed(folder: Path, groups: object, status: int) -> None:
    async with a_site(folder, ROUNDSMAN_OIDC_GROUPS="builders", ROUNDSMAN_OIDC_DOMAINS="*") as site:
        site.provider.claims = {"groups": groups}

        assert (await site.log_in()).status_code == status


async def test_an_address_may_be_told_apart_from_the_token(site: Site) -> None:
    site.provider.claims = {"email": None, "email_verified": None}
    site.provider.user_info = {"sub": "4711", "email": "linh@example.org", "email_verified": True}
    told = await site.log_in()
    site.provider.user_info["sub"] = "4712"
    of_another = await site.log_in()

    assert (told.status_code, of_another.status_code) == (303, 403)


@pytest.mark.long
async def test_a_session_ends_when_its_user_may_no_longer_log_in(folder: Path) -> None:
    async with a_site(folder) as site:
        await site.log_in()
        cookies = site.browser.cookies
    async with a_site(folder, ROUNDSMAN_OIDC_DOMAINS="example.org") as later:
        later.browser.cookies = cookies
        answer = await later.browser.get("/builds")

    assert answer.headers["location"] == "/login?next=%2Fbuilds"


async def test_a_user_without_a_role_begins_no_session(folder: Path) -> None:
    async with a_site(folder, ROUNDSMAN_DEFAULT_ROLE="none") as site:
        answer = await site.log_in()

    assert answer.status_code == 403
    assert "There is no role for ada@example.com here; ask an admin" in answer.text


# Settings

WHOLE = {
    "OIDC_ISSUER": "https://login.example.com/acme",
    "OIDC_CLIENT_ID": "roundsman",
    "OIDC_CLIENT_SECRET": "an-invented-secret",
    "OIDC_DOMAINS": "example.com",
}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"OIDC_CLIENT_ID": ""}, "OpenID Connect is half set: set ROUNDSMAN_OIDC_CLIENT_ID too, or remove the rest"),
        (
            {"OIDC_ISSUER": "", "OIDC_CLIENT_SECRET": ""},
            "set ROUNDSMAN_OIDC_ISSUER and ROUNDSMAN_OIDC_CLIENT_SECRET too",
        ),
        ({"OIDC_DOMAINS": ""}, "set ROUNDSMAN_OIDC_DOMAINS or ROUNDSMAN_OIDC_GROUPS, which name whom to let in too"),
        ({"OIDC_ISSUER": "http://login.example.com"}, "ROUNDSMAN_OIDC_ISSUER must be an address like https://accounts"),
        ({"OIDC_ISSUER": "https://login.example.com?a=b"}, "with https and without a query"),
        ({"HOST": "192.0.2.1"}, "OpenID Connect needs ROUNDSMAN_PUBLIC_URL: the provider sends browsers back to it"),
        ({"PORT": "0"}, "OpenID Connect needs ROUNDSMAN_PUBLIC_URL"),
    ],
)
def test_what_is_half_set_is_refused_at_the_start(settings: dict[str, str], problem: str) -> None:
    given = {name: value for name, value in {**WHOLE, **settings}.items() if value}

    with pytest.raises(BadConfig, match=re.escape(problem)):
        load_settings({f"ROUNDSMAN_{name}": value for name, value in given.items()})


def test_what_is_whole_is_our_client() -> None:
    whole = {f"ROUNDSMAN_{name}": value for name, value in WHOLE.items()}
    client = oidc_client(load_settings({**whole, "ROUNDSMAN_PUBLIC_URL": "https://ci.example.com"}))

    assert client is not None
    assert client.redirect_uri == "https://ci.example.com/login/oidc/callback"
    assert "an-invented-secret" not in repr(client)


async def test_check_asks_whether_the_provider_answers() -> None:
    clock = Clock()
    async with a_provider(clock) as provider:
        whole = {f"ROUNDSMAN_{name}": value for name, value in {**WHOLE, "OIDC_ISSUER": provider.issuer}.items()}
        [good] = await check_provider(load_settings(whole))
        provider.document = {"issuer": "https://another.example"}
        [wrong] = await check_provider(load_settings(whole))
        none = await check_provider(load_settings({}))

    assert (good.grade, wrong.grade, none) == (Grade.OK, Grade.WRONG, [])
    assert good.sentence.endswith("the address to register there is http://127.0.0.1:8000/login/oidc/callback")
    assert "names itself otherwise than ROUNDSMAN_OIDC_ISSUER does" in wrong.sentence

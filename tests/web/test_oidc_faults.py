"""Tokens and providers that do wrong: each lets no stranger in, and says the next step."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import Temporary
from service.oidc.client import OidcClient
from service.oidc.http import ProviderCalls
from service.oidc.provider import Attempt, Provider
from tests.support.app_fixture import an_instance
from tests.support.long_cases import first_and_long
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, CODE, OidcProvider, curve_key, key, secret_key
from tests.support.oidc_site import ADDRESS, CALLBACK, Site, a_site, another_browser
from tests.support.ports import free_port

MAX_ANSWER_S = 0.3


CLIENT = OidcClient(
    issuer="",
    client_id=CLIENT_ID,
    client_secret=CLIENT_SECRET,
    redirect_uri=ADDRESS + CALLBACK,
    domains=frozenset({"*"}),
)


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    async with a_site(folder) as opened:
        yield opened


# The ID token


def expired(provider: OidcProvider) -> None:
    provider.claims = {"exp": int(provider.clock().timestamp()) - 121}


def early(provider: OidcProvider) -> None:
    provider.claims = {"iat": int(provider.clock().timestamp()) + 121}


def claims(**changed: object) -> Callable[[OidcProvider], None]:
    def change(provider: OidcProvider) -> None:
        provider.claims = changed

    return change


def unsigned(provider: OidcProvider) -> None:
    provider.algorithm = "none"


def signed_with_the_secret(provider: OidcProvider) -> None:
    provider.algorithm, provider.key = "HS256", secret_key()


def signed_with_another_key(provider: OidcProvider) -> None:
    provider.key = key("second")


def signed_by_a_stranger_with_our_kid(provider: OidcProvider) -> None:
    stranger = type(key("second")).import_key({**key("second").as_dict(private=True), "kid": "first"})
    provider.key = stranger


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (claims(nonce="another"), "it is of another login"),
        (claims(aud="another"), "it is for another client: compare ROUNDSMAN_OIDC_CLIENT_ID"),
        (expired, "it has expired"),
        (unsigned, "its signature is not valid"),
        (signed_by_a_stranger_with_our_kid, "its signature is not valid"),
        *first_and_long(
            [
                (claims(nonce=None), "it is of another login"),
                (claims(aud=[CLIENT_ID, "another"], azp="another"), "it is for another client"),
                (claims(aud=[CLIENT_ID, "another"]), "it is for another client"),
                (claims(iss="https://another.example"), "it is of another issuer: compare ROUNDSMAN_OIDC_ISSUER"),
                (claims(sub=None), "its claim sub is missing or wrong"),
                (claims(exp=None), "its time has no number"),
                (claims(exp="tomorrow"), "its time has no number"),
                (claims(at_hash="another"), "its claim at_hash is missing or wrong"),
                (early, "its time is in the future"),
                (signed_with_the_secret, "its signature is not valid"),
                (signed_with_another_key, "its key is none of the provider"),
            ]
        ),
    ],
)
async def test_a_wrong_token_lets_nobody_in(site: Site, fault: Callable[[OidcProvider], None], says: str) -> None:
    fault(site.provider)
    answer = await site.log_in()

    assert answer.status_code == 401
    assert "The ID token is not accepted" in answer.text
    assert says in answer.text
    assert "log in again" in answer.text
    assert site.instance.rows("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("off", first_and_long([timedelta(seconds=119), timedelta(seconds=-400)]))
async def test_clocks_may_differ_by_two_minutes(site: Site, off: timedelta) -> None:
    now = site.instance.clock() + off
    site.provider.claims = {"iat": int(now.timestamp()), "exp": int((now + timedelta(seconds=300)).timestamp())}

    assert (await site.log_in()).status_code == 303


async def test_other_algorithms_with_a_key_pair_are_accepted(site: Site) -> None:
    site.provider.published, site.provider.key, site.provider.algorithm = (
        [curve_key(), key("first")],
        curve_key(),
        "ES256",
    )

    assert (await site.log_in()).status_code == 303


async def test_new_keys_are_fetched_when_they_are_needed(site: Site) -> None:
    first = await site.log_in()
    site.provider.key, site.provider.published = key("second"), [key("second")]
    second = await site.log_in()
    third = await site.log_in()

    assert [answer.status_code for answer in (first, second, third)] == [303, 303, 303]
    assert site.provider.asked.count("/keys") == 2
    assert site.provider.asked.count("/.well-known/openid-configuration") == 1


async def test_the_document_is_read_again_after_an_hour(site: Site) -> None:
    await site.log_in()
    site.instance.clock.tick(hours=1)
    await site.log_in()

    assert site.provider.asked.count("/.well-known/openid-configuration") == 2


# A provider that does not do its part


@pytest.mark.parametrize(
    ("path", "answer"),
    first_and_long(
        [
            ("/.well-known/openid-configuration", (500, b"")),
            ("/.well-known/openid-configuration", (200, b"[]")),
            ("/.well-known/openid-configuration", (200, b'{"x": "' + b"x" * 300_000 + b'"}')),
            ("/.well-known/openid-configuration", (200, b"[" * 100_000)),
            ("/.well-known/openid-configuration", (302, b"")),
        ]
    ),
)
async def test_without_a_document_no_login_begins(site: Site, path: str, answer: tuple[int, bytes]) -> None:
    site.provider.instead[path] = answer
    refused = await site.browser.get("/login/oidc")
    site.provider.instead.clear()

    assert refused.status_code == 503
    assert "The OpenID provider at 127.0.0.1:" in refused.text
    assert "Admin token" in refused.text
    assert (await site.log_in()).status_code == 303


@pytest.mark.parametrize(
    "document",
    first_and_long(
        [
            {"issuer": "https://another.example"},
            {"token_endpoint": None},
            {"token_endpoint": "http://192.0.2.1/token"},
            {"jwks_uri": "file:///etc/passwd"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": "https://[x"},
        ]
    ),
)
async def test_a_wrong_document_is_not_used(site: Site, document: dict[str, Any]) -> None:
    site.provider.document = document
    answer = await site.browser.get("/login/oidc")

    assert answer.status_code == 503
    assert "The OpenID provider at 127.0.0.1:" in answer.text


@pytest.mark.parametrize(
    ("path", "answer", "status"),
    first_and_long(
        [
            ("/token", (200, b"{}"), 401),
            ("/token", (200, b'{"id_token": 1}'), 401),
            ("/token", (200, b'{"id_token": "a.b.c"}'), 401),
            ("/token", (200, b'{"id_token": "' + b"x" * 300_000 + b'"}'), 503),
            ("/token", (503, b""), 503),
            ("/token", (400, b'{"error": "<script>"}'), 401),
            ("/keys", (200, b"{}"), 503),
            ("/keys", (200, b'{"keys": []}'), 503),
            ("/keys", (200, b'{"keys": [{"kty": "RSA", "kid": "first"}]}'), 503),
            ("/keys", (200, b'{"keys": 4711}'), 503),
            ("/keys", (404, b""), 503),
        ]
    ),
)
async def test_wrong_answers_let_nobody_in(site: Site, path: str, answer: tuple[int, bytes], status: int) -> None:
    site.provider.instead[path] = answer
    refused = await site.log_in()

    assert refused.status_code == status
    assert "<script>" not in refused.text
    assert site.instance.rows("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("path", first_and_long(["/token", "/keys"]))
async def test_a_slow_provider_holds_no_login_up_for_long(site: Site, path: str) -> None:
    client = replace(CLIENT, issuer=site.provider.issuer)
    calls, attempt = ProviderCalls(timeout_s=MAX_ANSWER_S), Attempt(state="s", nonce="n", verifier="v" * 43)
    impatient = Provider(client, clock=site.instance.clock, calls=calls)
    site.provider.authorize(await impatient.authorization_url(attempt))
    site.provider.hangs = path

    with pytest.raises(Temporary, match="did not answer in time"):
        await impatient.identify(CODE, attempt)


async def test_a_provider_that_is_away_is_named(folder: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with a_site(folder, ROUNDSMAN_OIDC_ISSUER=away) as site:
        answer = await site.browser.get("/login/oidc")

    assert answer.status_code == 503
    assert f"The OpenID provider at {away.removeprefix('http://')} refused the connection" in answer.text


async def test_a_wrong_secret_names_the_settings(folder: Path) -> None:
    async with a_site(folder, ROUNDSMAN_OIDC_CLIENT_SECRET="another") as site:
        answer = await site.log_in()

    assert answer.status_code == 401
    assert "(invalid_client); compare ROUNDSMAN_OIDC_CLIENT_ID, ROUNDSMAN_OIDC_CLIENT_SECRET" in answer.text


async def test_a_provider_may_want_the_secret_in_the_body(site: Site) -> None:
    site.provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert (await site.log_in()).status_code == 303


async def test_without_a_provider_there_is_no_such_login(folder: Path) -> None:
    async with an_instance(folder) as instance, another_browser(instance) as browser:
        page, answers = await browser.get("/login"), [await browser.get(path) for path in ("/login/oidc", CALLBACK)]

    assert "/login/oidc" not in page.text
    assert [answer.status_code for answer in answers] == [404, 404]

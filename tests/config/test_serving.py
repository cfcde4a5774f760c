"""The admin token: which addresses and databases ask for one before the service starts."""

from collections.abc import Mapping

import pytest

from service.config.env import load_settings
from service.errors import BadConfig

ENOUGH = {"ROUNDSMAN_WEBHOOK_SECRETS": "not-a-real-secret"}


def refusal(environ: Mapping[str, str]) -> str:
    """The only problem with serving in this environment."""
    with pytest.raises(BadConfig) as caught:
        load_settings(environ, serving=True)
    [problem] = caught.value.problems
    return problem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_admin_token(host: str) -> None:
    assert load_settings({**ENOUGH, "ROUNDSMAN_HOST": host}, serving=True).is_on_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ci.example.com", "localhost.example.com"])  # noqa: S104 - refused
def test_any_other_host_needs_an_admin_token(host: str) -> None:
    environ = {**ENOUGH, "ROUNDSMAN_HOST": host}

    problem = refusal(environ)

    assert problem.startswith(f"ROUNDSMAN_HOST {host} is reachable from other machines")
    assert not load_settings({**environ, "ROUNDSMAN_ADMIN_TOKEN": "x" * 32}, serving=True).is_on_loopback
    assert load_settings(environ).host == host


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://LocalHost", "https://localhost.", "http://127.1.2.3:80", "https://[::1]"]
)
def test_a_public_url_of_this_machine_alone_needs_no_admin_token(url: str) -> None:
    assert load_settings({**ENOUGH, "ROUNDSMAN_PUBLIC_URL": url}, serving=True).admin_token is None


@pytest.mark.parametrize(
    "url",
    [
        *("https://ci.example.com", "http://ci.example.com:8000", "https://10.0.0.1", "http://0.0.0.0:8000"),
        *(
            "https://localhost.example.com",
            "https://127.0.0.1.example.com",
            "http://roundsman",
            "https://[2001:db8::1]",
        ),
        *("http://[::]:8000", "http://2130706433", "http://127.1", "http://localhost..", "http://[::ffff:10.0.0.1]"),
    ],
)
def test_any_other_public_url_needs_an_admin_token(url: str) -> None:
    environ = {**ENOUGH, "ROUNDSMAN_PUBLIC_URL": url}

    problem = refusal(environ)

    assert problem.startswith(f"ROUNDSMAN_PUBLIC_URL {url} is reachable from other machines, so the pages need ")
    assert "ROUNDSMAN_ADMIN_TOKEN; make one with: openssl rand -hex 32" in problem
    assert load_settings({**environ, "ROUNDSMAN_ADMIN_TOKEN": "x" * 16}, serving=True).public_url == url
    assert load_settings(environ, serving=True, has_pages=False).public_url == url
    assert load_settings(environ).public_url == url


def test_pages_on_postgres_need_an_admin_token_that_all_processes_share() -> None:
    environ = {**ENOUGH, "ROUNDSMAN_DATABASE_URL": "postgresql://ci:a-secret@db/roundsman"}

    problem = refusal(environ)

    assert problem == (
        "many processes share the Postgres of ROUNDSMAN_DATABASE_URL, so their pages need one ROUNDSMAN_ADMIN_TOKEN; "
        "make one with: openssl rand -hex 32"
    )
    assert load_settings({**environ, "ROUNDSMAN_ADMIN_TOKEN": "x" * 16}, serving=True).is_shared
    assert load_settings(environ, serving=True, has_pages=False).is_shared

"""Where a request came from: this machine, our own pages, or another site."""

import httpx
import pytest

from tests.doors import TOKEN, clock, form_token, guarded, neighbour, operator, stranger

__all__ = ["clock", "guarded", "neighbour", "operator", "stranger"]  # pytest finds fixtures by name


# Loopback without an admin token


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.3.2.1:80", "[::1]", "[::1]:8000"])
async def test_without_an_admin_token_this_machine_is_let_in(neighbour: httpx.AsyncClient, host: str) -> None:
    answers = [await neighbour.request(method, "/api", headers={"Host": host}) for method in ("GET", "POST")]

    assert [answer.json() for answer in answers] == [{"who": "loopback"}] * 2


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8000"),
        *("xlocalhost", "10.0.0.1", "127.0.0.1:8000@evil.example", "[::2]", "localhost:", "localhost\n"),
    ],
)
@pytest.mark.parametrize("path", ["/api", "/page", "/log-in?token=x"])
async def test_a_name_of_somebody_else_that_leads_here_is_refused(
    neighbour: httpx.AsyncClient, host: str, path: str
) -> None:
    answer = await neighbour.get(path, headers={"Host": host})

    assert answer.status_code == 403
    assert "set ROUNDSMAN_ADMIN_TOKEN" in answer.json()["error"]


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"])
async def test_what_a_tunnel_passes_on_is_refused_without_an_admin_token(
    neighbour: httpx.AsyncClient, header: str
) -> None:
    answer = await neighbour.get("/api", headers={header: "203.0.113.9"})

    assert answer.status_code == 403


async def test_with_an_admin_token_the_address_does_not_matter(stranger: httpx.AsyncClient) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}

    assert (await stranger.get("/api", headers=headers)).status_code == 200


async def test_without_an_admin_token_there_is_nothing_to_log_in_with(neighbour: httpx.AsyncClient) -> None:
    assert (await neighbour.post("/log-in", params={"token": ""})).status_code == 401


# Other sites


ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://ci.example.com.evil.example"},
    {"Origin": "https://ci.example.com:8443"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://ci.example.com", "Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_page_of_another_site_can_change_nothing(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    token = await form_token(operator)

    answers = [
        await operator.post("/form", params={"form_token": token}, headers=headers),
        await operator.post("/api", headers={**headers, "Authorization": f"Bearer {TOKEN}"}),
        await operator.post("/log-in", params={"token": TOKEN}, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert "a page of another site" in answers[0].json()["error"]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_page_of_another_site_may_link_here(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await operator.get("/page", headers=headers)).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
async def test_a_page_open_in_a_local_browser_cannot_use_the_open_api(
    neighbour: httpx.AsyncClient, origin: str
) -> None:
    assert (await neighbour.post("/api", headers={"Origin": origin})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://ci.example.com", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "HTTPS://CI.example.com"},
        {"Origin": "https://ci.example.com", "Host": "roundsman.internal:8000"},
        {"Origin": "http://roundsman.internal:8000", "Host": "roundsman.internal:8000"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_our_own_pages_and_programs_are_no_other_site(
    stranger: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await stranger.post("/api", headers={**headers, "Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200

"""Where a request came from: our own pages, or another site."""

import httpx
import pytest

from tests.support.auth_fixtures import Doors, browser, clock, doors, guarded, operator, stranger
from tests.support.operator_client import ADMIN_TOKEN as TOKEN

__all__ = ["clock", "doors", "guarded", "operator", "stranger"]  # pytest finds fixtures by name


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
    answers = [
        await operator.post("/form", headers=headers),
        await operator.post("/api", headers={**headers, "Authorization": f"Bearer {TOKEN}"}),
        await operator.post("/log-in", params={"token": TOKEN}, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert "a page of another site" in answers[0].json()["error"]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_page_of_another_site_may_link_here(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await operator.get("/page", headers=headers)).status_code == 200


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


async def test_public_url_with_capitals_is_the_same_origin(doors: Doors) -> None:
    async with browser(doors.made(public_url="https://CI.Example.com"), "http://roundsman.internal:8000") as client:
        headers = {"Origin": "https://ci.example.com", "Authorization": f"Bearer {TOKEN}"}
        answer = await client.post("/api", headers=headers)

    assert answer.status_code == 200

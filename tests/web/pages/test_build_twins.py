"""The rows of the builds page and of a build's page as JSON."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.support.app_fixture import GREEN, RED, Instance
from tests.support.hostile_words import MARKUP
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}


async def ask(instance: Instance, address: str) -> httpx.Response:
    return await instance.http.get(address, headers=BEARER)


async def rows(instance: Instance, address: str) -> Any:
    answer = await ask(instance, address)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def finish(instance: Instance, *runs: Any) -> None:
    for run in runs:
        await instance.finish(run)
    await instance.drain()


async def test_builds_before_the_first_post_are_an_empty_list(instance: Instance) -> None:
    found = await rows(instance, "/builds.json")

    assert found == {"items": [], "next": None, "looked_back_to": None, "partial": [], "hints": []}


@pytest.mark.databases("sqlite", "postgres")
async def test_a_build_is_its_event_as_the_api_has_it_and_what_the_page_adds(instance: Instance) -> None:
    await finish(instance, RED)
    [event] = (await rows(instance, "/api/v1/events"))["items"]

    [item] = (await rows(instance, "/builds.json"))["items"]

    assert {name: item[name] for name in event} == event
    assert item["told"] == [{"channel": "web (json)", "state": "sent", "receiver": "web"}]
    assert (item["posts"], item["is_told_elsewhere"]) == (1, False)


@pytest.mark.long
async def test_builds_are_those_of_the_page_with_the_same_filters(instance: Instance) -> None:
    await finish(instance, RED, GREEN, replace(RED, branch="topic", number=1600))

    for query in ("", "?branch=main", "?q=status:failed", "?status=failed&branch=topic", "?since=7d"):
        page, found = await instance.http.get(f"/builds{query}"), await rows(instance, f"/builds.json{query}")
        assert all(f"/builds/{one['id']}" in page.text for one in found["items"])
        assert page.text.count('<td class="c-status"') == len(found["items"])


@pytest.mark.long
async def test_pages_of_builds_follow_each_other_without_gap_or_repetition(instance: Instance) -> None:
    await finish(instance, *(replace(GREEN, number=3000 + number) for number in range(52)))

    first = await rows(instance, "/builds.json")
    rest = (await instance.http.get("/builds.json", params={"cursor": first["next"]}, headers=BEARER)).json()

    numbers = [one["pipeline"]["number"] for one in (*first["items"], *rest["items"])]
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (50, 2, None)
    assert sorted(numbers) == list(range(3000, 3052))


async def test_a_name_that_no_build_has_comes_with_those_like_it(instance: Instance) -> None:
    await finish(instance, RED)

    assert (await rows(instance, "/builds.json?branch=mian"))["hints"] == [
        {"filter": "branch", "text": "mian", "near": ["main"]}
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("colour=red", "'colour' means nothing here"),
        ("cursor=x", "cursor"),
        ("cursor=a&cursor=b", "'cursor' stands twice"),
        ("q=colour:red", "colour"),
        ("since=nonsense", "nonsense"),
    ],
)
async def test_a_wrong_question_is_answered_400_as_the_api_does(instance: Instance, query: str, sentence: str) -> None:
    answer = await ask(instance, f"/builds.json?{query}")

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_build_by_run_event_and_first_digits_is_the_same(instance: Instance) -> None:
    event_id = await instance.finish(RED)
    await instance.drain()

    by_event = await rows(instance, f"/builds/{event_id}.json")
    by_run = await rows(instance, f"/builds/{by_event['event']['workflow']['id']}.json")
    short = await ask(instance, f"/builds/{event_id[:8]}.json")

    assert by_run == by_event
    assert (short.status_code, short.headers["location"]) == (303, f"/builds/{event_id}.json")
    assert by_event["event"] == await instance.show(event_id)
    assert by_event["incident"]["state"] == "open"


@pytest.mark.long
async def test_a_build_tells_the_story_of_its_page(instance: Instance) -> None:
    await finish(instance, RED, GREEN)
    [green, red] = (await rows(instance, "/builds.json"))["items"]

    story = (await rows(instance, f"/builds/{red['id']}.json"))["story"]
    page = text(await instance.http.get(f"/builds/{red['id']}"))

    assert story["headline"] == "broke"
    assert story["after"]["run"] == green["workflow"]["id"]
    assert {job["name"] for job in story["jobs"]} >= {one["job"] for one in story["failing"]}
    assert all("bar" not in job for job in story["jobs"])
    for one in story["failing"]:
        for group in one["failures"]:
            assert all(test["name"] in page for test in group["tests"][:5])


async def test_a_delivery_that_was_not_understood_is_shown_as_one(instance: Instance) -> None:
    dead = (await instance.send(b'{"type": "something-new"}')).json()["delivery"]
    await instance.drain()

    found = await rows(instance, f"/builds/{dead}.json")

    assert found["delivery"]["state"] == "dead"
    assert found["actions"] == []


@pytest.mark.parametrize(
    ("name", "status"),
    [("00000000-0000-4000-8000-000000000000", 404), ("x", 400), ("%00", 400), ("%2e%2e", 400), ("12345678", 404)],
)
async def test_an_unknown_build_is_answered_with_a_sentence(instance: Instance, name: str, status: int) -> None:
    answer = await ask(instance, f"/builds/{name}.json")

    assert (answer.status_code, list(answer.json())) == (status, ["error"])


async def test_twins_need_a_credential_as_the_api_does(instance: Instance) -> None:
    event_id = await instance.finish(RED)
    async with instance.stranger() as stranger:
        answers = [await stranger.get(f"/builds{name}.json") for name in ("", f"/{event_id}")]

    assert [one.status_code for one in answers] == [401, 401]
    assert {one.headers["cache-control"] for one in answers} == {"no-store"}


async def test_hostile_words_are_in_them_as_they_came(instance: Instance) -> None:
    hostile = "".join(MARKUP)
    await finish(instance, replace(RED, branch=hostile, subject=hostile))

    answer = await ask(instance, "/builds.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["items"][0]["branch"] == hostile


async def test_every_page_leads_to_the_api(instance: Instance) -> None:
    assert 'href="/api">API</a>' in (await instance.http.get("/builds")).text

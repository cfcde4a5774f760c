"""Cards, embeds and incidents: a message in the form that a service is good at, at the wire."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from service.channels import AppriseChannels
from service.channels.registry import SERVICES
from service.message import compose, compose_test
from service.model import (
    Commit,
    Details,
    Event,
    EventKind,
    JobReport,
    Message,
    Project,
    TestFailure,
    TestReport,
    Workflow,
)
from tests.channels.test_channels import sent
from tests.support.apprise_urls import URLS
from tests.support.fake_servers import Answer, HttpEnd, internet
from tests.support.long_cases import few_and_long

TEAMS = URLS["Power Automate / Workflows (for MSTeams)"]
DISCORD = URLS["Discord"]
PAGERDUTY = URLS["Pager Duty"]
PAGE = "https://roundsman.example.com/builds/1"
RUN = "https://app.circleci.com/pipelines/github/acme/web/42/workflows/5034460f-1a9f-4a8e-9a3a-2f7c5f5a0001"
JOB = "https://app.circleci.com/pipelines/github/acme/web/42/workflows/5034460f-1a9f-4a8e-9a3a-2f7c5f5a0001/jobs/7"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        end.behave(Answer(status=202, body=b""))
        yield end


def a_build(status: str = "failed", failures: int = 0, subject: str = "Fix the cart") -> Message:
    event = Event(
        id=UUID(int=1),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="e1",
        happened_at=NOON,
        received_at=NOON,
        project=Project(slug="gh/acme/web", name="acme/web"),
        workflow=Workflow(name="build", url=RUN),
        status=status,
        branch="main",
        revision="3ad46ae0",
        commit=Commit(subject=subject, author_name="Ada Example", url="https://github.com/acme/web/commit/3ad46ae0"),
    )
    tests = tuple(
        TestFailure(name=f"test_number_{number}_of_the_cart_with_a_name_of_some_length", message="assert 1 == 2")
        for number in range(failures)
    )
    report = TestReport(counts={"failure": failures, "success": 1_200}, failures=tests, is_complete=True)
    job = JobReport(name="unit-tests", status="failed", url=JOB, tests=report if failures else None)
    return compose(event, Details(jobs=(job,) if status == "failed" else ()), event_url=PAGE)


def card(net: HttpEnd) -> Any:
    (attachment,) = net.got[0].json["attachments"]
    return attachment["content"]


def words(shape: Any) -> str:
    """Return the words of a card, a line for each of its blocks."""
    return "\n".join("".join(run["text"] for run in block["inlines"]) for block in shape["body"])


async def test_teams_gets_a_card_of_text_runs_without_any_markdown(net: HttpEnd) -> None:
    await sent(TEAMS, a_build(subject="Thanks <at>boss@corp.example</at> `x` [in](https://evil.example/)"))

    content = card(net)
    assert content["msteams"] == {"width": "full"}
    assert {block["type"] for block in content["body"]} == {"RichTextBlock"}
    assert content["body"][0]["inlines"][0] == {
        "type": "TextRun",
        "text": "acme/web main: build failed",
        "weight": "Bolder",
        "size": "Large",
        "color": "Attention",
    }
    assert content["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open in CircleCI", "url": RUN},
        {"type": "Action.OpenUrl", "title": "Why did I get this?", "url": PAGE},
    ]
    assert "Ada Example: 3ad46ae Thanks" in words(content)
    assert "<at>" not in json.dumps(net.got[0].json)
    assert "https://evil" not in json.dumps(net.got[0].json)


@pytest.mark.parametrize(("failures", "named"), [(3, 3), (200, 10)])
async def test_teams_card_names_as_many_tests_as_other_channels(net: HttpEnd, failures: int, named: int) -> None:
    await sent(TEAMS, a_build(failures=failures))

    text = words(card(net))
    assert text.count("test_number_") == named
    assert ("and 190 more" in text) == (failures == 200)
    assert len(net.got[0].body) < 28_000


@pytest.mark.long
async def test_a_card_that_is_too_long_is_cut_by_importance(net: HttpEnd) -> None:
    event = a_build(failures=200)
    many = (replace(block, lines=block.lines * (40 if block.heading else 1)) for block in event.story)
    long = replace(event, story=tuple(many))

    await sent(TEAMS, long)

    assert len(net.got[0].body) < 28_000
    assert "more" in words(card(net))


async def test_discord_gets_an_embed_with_color_and_link(net: HttpEnd) -> None:
    net.behave(Answer(status=204, body=b""))

    await sent(DISCORD, a_build(failures=200))

    payload = net.got[0].json
    (embed,) = payload["embeds"]
    assert (embed["title"], embed["url"], embed["color"]) == ("acme/web main: build failed", RUN, 0xA32037)
    assert "and 190 more" in embed["description"]
    assert len(embed["description"]) <= 4_096
    assert payload["allowed_mentions"] == {"parse": []}
    assert "content" not in payload


@pytest.mark.parametrize("chosen", ["", "?format=markdown", "?format=text"])
async def test_discord_mentions_only_the_names_in_its_url(net: HttpEnd, chosen: str) -> None:
    ping = f"{'&' if chosen else '?'}ping=<@7>"
    net.behave(Answer(status=204, body=b""))

    await sent(DISCORD + chosen, a_build(subject="Bump @babel/core, @everyone <@42> <@&9>"))
    await sent(DISCORD + chosen + ping, a_build(subject="Bump @babel/core, @everyone <@42> <@&9>"))

    silent, calling = (got.json for got in net.got)
    assert "content" not in silent
    assert silent["allowed_mentions"] == {"parse": []}
    assert calling["content"].endswith("<@7>")
    assert calling["allowed_mentions"] == {"parse": [], "users": ["7"], "roles": []}


@pytest.mark.parametrize("service", ["Fluxer", "Notifiarr", "Guilded"])
async def test_no_service_mentions_the_names_in_a_commit(net: HttpEnd, service: str) -> None:
    net.behave(Answer())

    await sent(f"{URLS[service]}?format=markdown", a_build(subject="@everyone @babel/core <@42> <@&9>"))

    told = json.dumps(net.got[0].json, ensure_ascii=False)
    assert "allow_mentions" not in told
    assert service == "Notifiarr" or net.got[0].json["allowed_mentions"] == {"parse": []}
    assert "\N{WHITE RIGHT POINTING BACKHAND INDEX}" not in told
    assert '"42"' not in told


async def test_ntfy_leads_to_the_logs_and_a_failure_rings(net: HttpEnd) -> None:
    net.behave(Answer(body=b"{}"))

    for status in ("failed", "success"):
        await sent(URLS["ntfy"], a_build(status))

    failed, passed = (got.headers for got in net.got)
    assert (failed["x-click"], failed["x-priority"], failed["x-tags"]) == (RUN, "high", "rotating_light")
    assert ("x-priority" in passed, passed["x-tags"]) == (False, "white_check_mark")


async def test_values_in_an_ntfy_url_take_precedence(net: HttpEnd) -> None:
    net.behave(Answer(body=b"{}"))

    await sent(f"{URLS['ntfy']}?click=https://example.com/&priority=low&tags=red", a_build())

    headers = net.got[0].headers
    assert (headers["x-click"], headers["x-priority"], headers["x-tags"]) == ("https://example.com/", "low", "red")


async def test_pagerduty_opens_on_red_and_closes_on_green_under_one_key(net: HttpEnd) -> None:
    for status in ("failed", "success"):
        await sent(PAGERDUTY, a_build(status))

    failed, passed = (got.json for got in net.got)
    assert (failed["event_action"], passed["event_action"]) == ("trigger", "resolve")
    assert failed["dedup_key"] == passed["dedup_key"]
    assert failed["payload"]["summary"] == "acme/web main: build failed"
    assert (failed["payload"]["source"], failed["payload"]["component"]) == ("Roundsman", "CircleCI")
    assert failed["links"] == [{"href": RUN}]
    assert failed["payload"]["custom_details"]["why"] == PAGE
    assert "Fix the cart" in failed["payload"]["custom_details"]["message"]


@pytest.mark.parametrize("service", few_and_long(sorted(one.name for one in SERVICES if one.incidents)))
@pytest.mark.parametrize("status", ["success", "canceled"])
async def test_good_news_opens_no_incident_anywhere(net: HttpEnd, service: str, status: str) -> None:
    """Whatever the URL says of actions, as far as the service has them."""
    url = URLS.get(service, "lfg://0123456789abcdef0123456789abcdef")
    urls = [url + action for action in ("", "?action=map", "?action=trigger", "?action=create")]
    net.behave(Answer(body=b'{"ok": true}'))

    for known in (one for one in urls if AppriseChannels().check(one) is None):
        await sent(known, a_build(status))

    closing = {"resolve", "resolved", "close", "closed", "recovery", "map"}
    for got in net.got:
        told = got.body.decode().lower().replace(" ", "") + got.url
        assert any(f'"{word}"' in told or f"/{word}?" in told for word in closing), told


async def test_test_message_is_sent_to_incident_services_too(net: HttpEnd) -> None:
    assert "accepted" in await sent(PAGERDUTY, compose_test("ops", "ops (pagerduty)"))

    assert net.got[0].json["event_action"] == "resolve"

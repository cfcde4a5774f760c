"""Services with a state: red opens an incident and green closes it, by one key of the track."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.channels.registry import SERVICES
from service.model import Message
from tests.channels.test_channels import sent
from tests.message.moments import moment
from tests.support.apprise_urls import URLS
from tests.support.fake_servers import Answer, HttpEnd, internet
from tests.support.long_cases import few_and_long

# For each service: the places of its key and of its state, and the states of a red and of a green.
PLACES: dict[str, tuple[str, str, str | None, str]] = {
    "FireHydrant": ("idempotency_key", "status", "OPEN", "CLOSED"),
    "GoAlert": ("dedup", "action", None, "close"),
    "Pager Duty": ("dedup_key", "event_action", "trigger", "resolve"),
    "PagerTree": ("id", "event_type", "create", "resolve"),
    "SIGNL4": ("X-S4-ExternalID", "X-S4-Status", None, "resolved"),
    "Splunk On-Call": ("entity_id", "message_type", "CRITICAL", "RECOVERY"),
    "Squadcast": ("event_id", "status", "trigger", "resolve"),
    "ilert": ("alertKey", "eventType", "ALERT", "RESOLVE"),
    "incident.io": ("deduplication_key", "status", "firing", "resolved"),
}
ALIASED = ("Opsgenie", "Jira")
INCIDENTS = {service.name: service.incidents for service in SERVICES if service.incidents}
ACTIONS = [
    (name, action and f"action={action}")
    for name in PLACES
    for action in ("", *({"map", "trigger", "create"} & set(INCIDENTS[name].actions)))
]


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        end.behave(Answer(status=202, body=b'{"result": "ok", "requestId": "r1", "status": "success"}'))
        yield end


def with_action(service: str, action: str) -> str:
    url = URLS[service]
    return url if not action else f"{url}{'&' if '?' in url else '?'}{action}"


def branch(message: Message, name: str) -> Message:
    return replace(message, subject=message.subject.replace('"main"', json.dumps(name)))


def key_and_state(service: str, body: dict[str, Any]) -> tuple[str, str | None]:
    key, state, _, _ = PLACES[service]
    return body[key], body.get(state)


@pytest.mark.long
@pytest.mark.parametrize("place", few_and_long(sorted(ACTIONS)))
async def test_red_opens_and_green_closes_by_one_key(net: HttpEnd, place: tuple[str, str]) -> None:
    service, action = place
    if service == "Splunk On-Call":
        net.behave(Answer(body=b'{"result": "success"}'))
    for name in ("broke", "still-red", "fixed", "passed"):
        await sent(with_action(service, action), moment(name))

    keys, states = zip(*(key_and_state(service, got.json) for got in net.got), strict=True)
    _, _, red, green = PLACES[service]
    assert len(set(keys)) == 1
    assert states == (red, red, green, green)


@pytest.mark.parametrize("service", PLACES)
async def test_another_branch_has_another_key(net: HttpEnd, service: str) -> None:
    if service == "Splunk On-Call":
        net.behave(Answer(body=b'{"result": "success"}'))
    for message in (moment("broke"), branch(moment("broke"), "other")):
        await sent(URLS[service], message)

    one, other = (key_and_state(service, got.json)[0] for got in net.got)
    assert one != other


@pytest.mark.parametrize("action", ["", "action=map", "action=new"])
@pytest.mark.parametrize("service", ALIASED)
async def test_alert_is_closed_by_its_alias(net: HttpEnd, service: str, action: str) -> None:
    for name in ("broke", "fixed"):
        await sent(with_action(service, action), moment(name))

    opened, closed = net.got
    alias = opened.json["alias"]
    assert opened.json["message"] == "acme/web main broke: 3 tests fail in unit-tests"
    assert f"/alerts/{alias}/close?identifierType=alias" in closed.url
    assert "fixed after 38 min" in closed.json["note"] or "It was red from" in closed.json["note"]


@pytest.mark.parametrize(("service", "option"), [("Squadcast", "dedup=mine"), ("Opsgenie", "alias=mine")])
async def test_key_in_a_url_takes_precedence(net: HttpEnd, service: str, option: str) -> None:
    await sent(with_action(service, option), moment("broke"))

    assert "mine" in net.got[0].json.values()


async def test_pushover_has_a_link_and_a_failure_rings(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"status": 1}'))
    for name in ("broke", "fixed"):
        await sent(URLS["Pushover"], moment(name))

    red, green = (got.body.decode() for got in net.got)
    assert "Open+in+CircleCI" in red or "Open in CircleCI" in red
    assert ("priority=1" in red or '"priority": "1"' in red, "priority=1" in green) == (True, False)

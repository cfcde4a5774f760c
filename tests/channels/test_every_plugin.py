"""One hostile message through every plugin that can be made to post: nothing outside calls, leads or disguises."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID, uuid4

import pytest

from service.channels import plugin
from service.channels.budget import Budget
from service.channels.channel_service import Dialect
from service.channels.registry import find_service
from service.errors import Permanent, Temporary
from service.message import compose
from service.model import (
    Actor,
    Channel,
    Commit,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    Message,
    Project,
    TestFailure,
    TestReport,
    Workflow,
)
from tests.support.apprise_options import OPTIONS, OTHER_URLS
from tests.support.apprise_services import service_names
from tests.support.apprise_urls import UNREACHABLE, URLS
from tests.support.fake_servers import Answer, Got, HttpEnd, internet
from tests.support.hostile_words import EVERY
from tests.support.long_cases import few_and_long

MARK = "Marked"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

# What plugins want to hear before they go on, by a part of the address.
YES = {
    "ok": True,
    "success": True,
    "token": "fake",
    "access_token": "fake",
    "id": "1",
    "_id": "1",
    "expires_in": 3_600,
    "data": {"id": 1, "authToken": "fake", "userId": "fake"},
    "status": "success",
    "did": "did:plc:fake",
    "service": [{"type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example.com"}],
    "accessJwt": "fake",
    "refreshJwt": "fake",
    "AccessToken": "fake",
    "Id": "1",
    "user_id": "@ci:ci.example.com",
    "device_id": "FAKE",
    "room_id": "!room:ci.example.com",
    "joined_rooms": ["!room:ci.example.com"],
    "event_id": "$1",
}
SESSIONS = [YES, [{"Id": "1"}], YES]  # asked for before each message
ANSWERS: dict[str, list[Any]] = {"Emby": SESSIONS, "Jellyfin": SESSIONS}
FORMATS = ("", "text", "markdown", "html")


@cache
def a_hostile_message(words: str) -> Message:
    """Put the words wherever words from outside can stand."""
    event = Event(
        id=UUID(int=1),
        kind=EventKind.JOB_COMPLETED,
        source_event_id="e1",
        happened_at=NOON,
        received_at=NOON,
        project=Project(name=words),
        workflow=Workflow(name=words, url="https://app.circleci.com/w/1"),
        job=Job(name=words),
        status="failed",
        branch=words,
        commit=Commit(subject=words, author_name=words),
    )
    failure = TestFailure(name=words, class_name=words, file=words, message=words)
    report = TestReport(counts={"failure": 1}, failures=(failure,), is_complete=True)
    job = JobReport(name=words, status="failed", messages=(words,), tests=report)
    return compose(event, Details(jobs=(job,), actor=Actor(name=words)))


@pytest.fixture(scope="module")
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


def with_option(url: str, option: str) -> str:
    """Return the URL with one more ``name=value``, unless that is empty."""
    return url + f"{'&' if '?' in url else '?'}{option}" if option else url


def posts(net: HttpEnd, service: str, url: str, message: Message) -> list[Got]:
    """Return what a plugin posts of a message."""
    net.got.clear()
    net.behave(*(Answer(body=json.dumps(answer).encode()) for answer in ANSWERS.get(service, [YES])))
    channel = Channel(key="k", label="web", kind="x", url=url)
    with suppress(Permanent, Temporary):  # the answer may be no yes to it: what it was sent counts
        plugin.send(channel, message, Budget(seconds=20, answer_s=10), notification_id=uuid4())
    return [got for got in net.got if any(MARK in text for _, text in leaves(got))]


def leaves(got: Got) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of everything in a request."""
    for name, value in parse_qsl(urlsplit(got.url).query, keep_blank_values=True):
        yield f"query {name}", value
    yield "path", unquote(urlsplit(got.url).path)
    yield from ((f"header {name}", unquote(value)) for name, value in got.headers.items() if name.startswith("x-"))
    yield from _in_body("", got.body.decode("utf-8", "replace"))


def _in_body(place: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from _in_json(place, json.loads(text))
    except ValueError:
        pairs = parse_qsl(text, keep_blank_values=True)
        if pairs and re.match(r"[\w\[\].-]+=", text):
            for name, value in pairs:
                yield from _in_text(f"{place}{name}", value)
        elif text:
            yield place, unescape(text) if text.startswith("<?xml") else text


def _in_json(place: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _in_json(f"{place}.{key}", inner)
        case list():
            for inner in value:
                yield from _in_json(f"{place}[]", inner)
        case str():
            yield from _in_text(place, value)
        case _:
            yield place, json.dumps(value)


def _in_text(place: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield a text, or what is in it where it is JSON or base64 of its own."""
    if text.startswith(("{", "[")) and text.endswith(("}", "]")):
        yield from _in_body(place, text)
        return
    if len(text) > 60 and re.fullmatch(r"[A-Za-z0-9+/\s]+=*", text):
        text = base64.b64decode(text).decode("utf-8", "replace")
    yield place, text


def test_each_plugin_can_be_made_to_post_or_it_is_said_why_not() -> None:
    assert URLS.keys() & UNREACHABLE.keys() == set()
    assert URLS.keys() | UNREACHABLE.keys() == service_names()


def test_each_url_is_of_its_plugin() -> None:
    made = {service: plugin.create(url) for service, url in URLS.items()}

    assert {service: str(one.service_name) for service, one in made.items() if one} == {name: name for name in URLS}


NO = json.dumps(
    {"ok": False, "success": False, "status": "error", "result": "error", "error": "nope", "message": "nope"}
)
REFUSALS = {
    "a 500": Answer(status=500, body=b"nope"),
    "no in a 200": Answer(body=NO.encode()),
    "a 404": Answer(status=404, body=b"nope"),
    "another address": Answer(status=302, headers=(("Location", "https://example.com/nope"),)),
    "a sentence in a 200": Answer(body=b"Webhook message delivery failed with error: nope"),
    "a web page": Answer(body=b"<!DOCTYPE html><html><head><title>nope</title></head></html>"),
}


@pytest.mark.parametrize("service", few_and_long(URLS))
def test_each_plugin_is_believed_no_more_than_the_other_side(net: HttpEnd, service: str, is_long: bool) -> None:
    """A program of an operator's own may answer with a web page."""
    channel = Channel(key="k", label="web", kind="x", url=URLS[service])
    kinds = REFUSALS.keys() - ({"a web page"} if find_service(service).is_program else set())
    for kind in kinds if is_long else ("no in a 200",):
        net.behave(REFUSALS[kind])

        with pytest.raises((Permanent, Temporary), match=r"^web answered [2345]0[0-9]"):
            plugin.send(channel, a_hostile_message(MARK), Budget(seconds=20, answer_s=10), notification_id=uuid4())


SPAN = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", re.DOTALL)
# A name whose dot is whole: services make links of these.
HOST = r"(?i:(?:evil\w?|corp)[.\u3002](?:example|sh/|xn--|\u0440\u0444))"
ACTS = re.compile(
    HOST
    + r""" | @\w | <[@!\#a-zA-Z/] | \[~\w | \[CQ: | \]\( (?!https://app\.circleci) | \(met\) | ://evil | www\.evil
      | (?<![\w])[*_~|`]+\w | \#general | \{color | \{\{ | :fire: | &lt; | (?<!\w)u/\w""",
    re.VERBOSE,
)
ACTS_IN_HTML = re.compile(rf"{HOST}|@\w|<script|<at|<!|<users|://evil|www\.evil|\#general")
ACTS_AS_A_LINK = re.compile(rf"{HOST}|://evil|www\.evil")
ACTS_IN_MATRIX = re.compile(rf"{HOST}|@\w|://evil|www\.evil")
OUR_MARKUP = re.compile(
    r"""\*\*  # bold, and as other dialects have it
      | (?<!\S)\*(?=Marked|1\ test|Failed) | <(?=https://app\.circleci) | \\[_*~|`]""",
    re.VERBOSE,
)


ESCAPED = frozenset({"Slack", "Ryver"})  # Apprise writes < > & as entities there, as Slack reads them


def acting(text: str, service: str, dialect: Dialect) -> list[str]:
    """Return what acts in a text that came to a service."""
    if dialect is Dialect.LITERAL:
        return []
    if service in ESCAPED:
        text = unescape(text)
    if dialect is Dialect.LINKED:
        return ACTS_AS_A_LINK.findall(text)
    if dialect is Dialect.CODE:
        text = SPAN.sub("", text)
    if service == "Matrix":  # its body is what clients show that know no HTML, as it is; names alone act in it
        return ACTS_IN_MATRIX.findall(text)
    text = OUR_MARKUP.sub("", text)
    if re.search("<(?:p|b|br|a)[ />]", text):
        return ACTS_IN_HTML.findall(text)
    return ACTS.findall(text)


def found_acting(net: HttpEnd, service: str, url: str) -> dict[str, object]:
    """Return what acts of a hostile message, by its place in what is posted; nothing may."""
    made: Any = plugin.create(url)
    assert made is not None, url
    assert str(made.service_name) == service, url
    dialect = find_service(service).dialect_of(made)
    calm = posts(net, service, url, a_hostile_message(MARK))
    wild = posts(net, service, url, a_hostile_message(f"{MARK} {' '.join(EVERY)}"))
    assert calm, f"the plugin posts nothing: {url}"
    assert wild, f"the plugin posts nothing: {url}"
    texts = [(place, text) for got in wild for place, text in leaves(got)]
    extra = {place for place, _ in texts} - {place for got in calm for place, _ in leaves(got)}
    told = [(place, text) for place, text in texts if MARK in text]
    found: dict[str, object] = dict.fromkeys(extra, "a place that a calm message does not have")
    return found | {place: words for place, text in told if (words := acting(text, service, dialect))}


@pytest.mark.long
@pytest.mark.parametrize("service", URLS)
def test_nothing_outside_is_acted_on(net: HttpEnd, service: str, is_long: bool) -> None:
    """In each format that a URL can ask for; in the short form in its own."""
    for chosen in FORMATS if is_long else FORMATS[:1]:
        assert found_acting(net, service, with_option(URLS[service], chosen and f"format={chosen}")) == {}, chosen


@pytest.mark.long
@pytest.mark.parametrize(("service", "url"), OTHER_URLS)
def test_nothing_is_acted_on_in_a_mode_that_has_a_url_of_its_own(net: HttpEnd, service: str, url: str) -> None:
    assert found_acting(net, service, url) == {}


@pytest.mark.long
@pytest.mark.parametrize("service", sorted(URLS.keys() & OPTIONS.keys()))
def test_nothing_is_acted_on_whatever_the_options_of_a_url(net: HttpEnd, service: str) -> None:
    for option in OPTIONS[service]:
        assert found_acting(net, service, with_option(URLS[service], option)) == {}, option

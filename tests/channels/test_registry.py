"""The registry of services, held against the Apprise that is locked: a name that it does not have never matches."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.channels import incident_services, plugin, registry
from service.channels.budget import Budget
from service.channels.channel_service import (
    MAIL,
    NOT_LOOKED_UP,
    PROGRAM,
    RADIO,
    SMS,
    ChannelService,
    Dialect,
)
from service.channels.registry import SERVICES, find_service
from service.message import compose
from service.model import (
    Channel,
    Details,
    Event,
    EventKind,
    JobReport,
    Message,
    TestFailure,
    TestReport,
    Workflow,
)
from tests.channels.test_every_plugin import leaves
from tests.support.apprise_services import plugins, schemes, schemes_of
from tests.support.apprise_urls import URLS
from tests.support.fake_servers import Answer, HttpEnd, internet


def addresses_of(name: str) -> tuple[str, ...]:
    return registry.BY_NAME[name].addresses


NATIVE = {
    url: start
    for name, *urls in (
        ("Slack", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789"),
        ("Google Chat", "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=fake-key&token=fake-token"),
        ("Lark (Feishu)", "https://open.larksuite.com/open-apis/bot/v2/hook/0a0a0a0a-0000-4000-8000-000000000000"),
        ("WeCom Bot", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=fake-wecom-key"),
        (
            "Power Automate / Workflows (for MSTeams)",
            (
                "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f8c0f5/triggers/manual/paths/invoke"
                "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=FakeTeamsSignature_0123456789"
            ),
        ),
        ("FireHydrant", "https://signals.firehydrant.com/v1/process/FakeToken0123456789"),
        ("Spike.sh", f"https://api.spike.sh/v1/alerts/{'0a' * 16}"),
        ("Splunk On-Call", "https://alert.victorops.com/integrations/generic/20131114/alert/fakekey/fakeroute"),
        (
            "Squadcast",
            "https://api.squadcast.com/v2/incidents/api/FakeKey0123456789",
            "https://api.eu.squadcast.com/v2/incidents/api/FakeKey0123456789",
        ),
        ("incident.io", "https://api.incident.io/v2/alert_events/http/01FAKESOURCE?token=fake-token"),
        ("LFG Alarm", f"https://api.lfg.gm/horn/{'0a' * 16}"),
        (
            "xMatters",
            (
                "https://acme.xmatters.com/api/integration/1/functions/0a0a0a0a-0000-4000-8000-000000000000/triggers"
                "?apiKey=fake-key"
            ),
        ),
    )
    for start in addresses_of(name)
    for url in urls
}
INCIDENTS = {service.name: service.incidents for service in SERVICES if service.incidents is not None}
LIMITS = {service.name: service.limit for service in SERVICES if service.limit is not None}


def test_each_service_is_one_of_apprise_with_its_schemes() -> None:
    apprise = {str(one.service_name): tuple(schemes_of(one)) for one in plugins()}

    assert {service.name: service.schemes for service in SERVICES}.items() <= apprise.items()


def test_each_service_has_one_entry() -> None:
    assert len(registry.BY_NAME) == len(SERVICES)
    assert len(registry.BY_SCHEME) == sum(len(service.schemes) for service in SERVICES)
    assert len(registry.BY_ADDRESS) == sum(len(service.addresses) for service in SERVICES)


def test_each_entry_says_more_than_that_there_is_a_service() -> None:
    bare = [one.name for one in SERVICES if one == replace(registry.UNKNOWN, name=one.name, schemes=one.schemes)]

    assert bare == []


@pytest.mark.parametrize("url", NATIVE)
def test_an_address_that_apprise_takes_for_a_service_leads_to_its_entry(url: str) -> None:
    found = plugin.create(url)
    service = registry.service_of(Channel(key="k", label="web", kind="https", url=url))

    assert found is not None
    assert service.name == str(found.service_name)
    assert [one for one in registry.BY_ADDRESS if re.match(one, url)] == [NATIVE[url]]


def test_there_is_an_example_of_each_address() -> None:
    assert set(NATIVE.values()) == set(registry.BY_ADDRESS)


def test_incident_services_have_the_actions_that_apprise_has() -> None:
    found = {str(one.service_name): one.template_args.get("action", {}) for one in plugins()}

    assert {name: tuple(found[name].get("values", ())) for name in INCIDENTS} == {
        name: incidents.actions for name, incidents in INCIDENTS.items()
    }
    assert {name: found[name].get("default") for name in INCIDENTS} == {
        name: next(iter(incidents.actions), None) for name, incidents in INCIDENTS.items()
    }


@pytest.mark.parametrize("status", ["success", "canceled", "failed"])
@pytest.mark.parametrize("service", sorted(INCIDENTS))
def test_judgement_and_sender_agree_on_channels_without_good_news(service: str, status: str) -> None:
    url = URLS.get(service, f"lfg://{'0a' * 16}")
    message = compose(replace(an_event(), status=status), None)
    actions = ("", "m", "re", "invented", *(name for one in INCIDENTS.values() for name in one.actions))
    for action in dict.fromkeys(actions):
        acting = f"{url}{'&' if '?' in url else '?'}action={action}" if action else url
        if (found := plugin.create(acting)) is None:
            continue
        channel = Channel(key="k", label="web", kind=url.partition(":")[0], url=acting)
        guard_markup = incident_services.is_needless_incident(find_service(service), found, message)
        left_out = incident_services.gets_no_good_news(channel, message.severity)
        assert left_out == guard_markup or (guard_markup and action in {"m", "re"}), (
            acting
        )  # PagerTree takes whole names only


def made(service: str) -> Any:
    return plugin.create(URLS[service])


@pytest.mark.parametrize("service", [one for one in SERVICES if one.format is not None], ids=attrgetter("name"))
def test_the_only_format_of_a_service_is_one_that_the_plugin_has(service: ChannelService) -> None:
    assert service.format in {one.value for one in made(service.name)._formats()}


@pytest.mark.parametrize("service", [one for one in SERVICES if one.has_title_inside], ids=attrgetter("name"))
def test_services_with_the_title_inside_the_body_have_titles_in_apprise(service: ChannelService) -> None:
    assert made(service.name).title_maxlen > 0  # else it goes there without this entry


BYTES = [service for service, limit in LIMITS.items() if limit.is_bytes and service in URLS]


@pytest.mark.parametrize("service", sorted(LIMITS.keys() & URLS.keys()))
def test_our_limits_are_within_those_of_apprise(service: str) -> None:
    assert LIMITS[service].max_length <= made(service).body_maxlen


@pytest.mark.long
@pytest.mark.parametrize("service", BYTES)
def test_a_limit_that_counts_bytes_is_kept_in_bytes(net: HttpEnd, service: str) -> None:
    """Chinese takes three bytes a character."""
    limit = LIMITS[service]
    url = URLS[service]
    net.behave(Answer(body=b'{"success": true, "errcode": 0, "code": 0, "access_token": "fake"}'))

    plugin.send(
        Channel(key="k", label="web", kind="x", url=url),
        a_chinese_message(),
        Budget(seconds=20),
        notification_id=uuid4(),
    )

    told = [got.body for got in net.got if b"200" in got.body]
    assert told
    assert all(len(text.encode()) <= limit.max_length for got in net.got for _, text in leaves(got))
    assert all(len(json.dumps(json.loads(body), ensure_ascii=False)) < 20_000 for body in told)
    assert all("200 tests failed" in json.dumps(json.loads(body)) for body in told)


def a_chinese_message() -> Message:
    words = "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 200
    failures = tuple(TestFailure(name=f"{words}{number}", message=words) for number in range(200))
    report = TestReport(counts={"failure": 200}, failures=failures, is_complete=True)
    jobs = tuple(
        JobReport(name=f"{words}{number}", status="failed", tests=report if not number else None)
        for number in range(10)
    )
    return compose(an_event(), Details(jobs=jobs))


def an_event() -> Event:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    return Event(
        id=UUID(int=1),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="e1",
        happened_at=noon,
        received_at=noon,
        workflow=Workflow(name="build", url="https://app.circleci.com/w/1"),
        status="failed",
    )


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


def test_a_dialect_names_a_page_or_says_that_none_was_looked_up() -> None:
    for service in SERVICES:
        page = service.dialect_source.removeprefix(f"{NOT_LOOKED_UP}: ")
        assert service.dialect is Dialect.GUARDED or page == service.dialect_source
        assert page in {NOT_LOOKED_UP, MAIL, PROGRAM, RADIO, SMS} or re.match(r"[a-z.-]+\.[a-z]+", page)


def test_limits_and_paces_name_their_source() -> None:
    limits = [*LIMITS.values(), *(one.own_form.limit for one in SERVICES if one.own_form and one.own_form.limit)]
    paces = [one.pace for one in SERVICES if one.pace]

    assert all(limit.source for limit in limits)
    assert all(pace.source for pace in paces)
    assert all(pace.interval > timedelta() for pace in paces)


def test_an_unknown_service_gets_the_form_that_is_safe_everywhere() -> None:
    assert find_service("a service of next year").dialect is Dialect.GUARDED


WORDS_OF_OTHER_MEANING = {"Form", "GitHub", "apprise", "form", "github", "join", "json", "line", "push", "resend"}
WORDS_OF_OTHER_MEANING |= {"session", "sessions", "workflow", "workflows"}
WORDS_OF_OTHER_MEANING |= {"dot", "x"}  # that of a separator, and times, as in > 1.5x
OTHER_NAMES = (
    "config/people.py",  # the ids of a person go by the name of the service
    "circleci/api/settings.py",  # CircleCI's own messages to Slack
    "testing/fake_circleci/settings_routes.py",
)


@pytest.mark.long
def test_services_are_named_in_the_registry_alone() -> None:
    """A scheme or a name elsewhere is a fact about one service that its entry does not hold."""
    home = Path(registry.__file__)
    names = (set(registry.BY_NAME) | schemes()) - WORDS_OF_OTHER_MEANING
    scheme = re.compile(rf"({'|'.join(sorted(map(re.escape, schemes())))})://", re.IGNORECASE)
    address = re.compile("|".join(registry.BY_ADDRESS))
    found = [
        f"{path.relative_to(home.parents[1])}: {text}"
        for path in home.parents[1].rglob("*.py")
        if path != home and home.with_name("services") not in path.parents and not str(path).endswith(OTHER_NAMES)
        for text in literals(path)
        if text in names or (" " not in text and scheme.match(text)) or address.search(text)
    ]

    assert found == []


def literals(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    prose = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield node.value

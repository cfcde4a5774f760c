"""Our tables of services, held against the Apprise that is locked: a name that it does not have never matches."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.channels import cards, dialects, incident_services, plugin, rate_limits
from service.channels.budget import Budget
from service.channels.refusal_forms import FORMS, PROGRAMS, TEXT_FORMS, WAITS
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
from tests.apprise_services import plugins, schemes, schemes_of, service_names
from tests.apprise_urls import URLS
from tests.channels.test_every_plugin import leaves
from tests.fake_servers import Answer, HttpEnd, internet

NATIVE = {
    r"https://hooks\.slack(-gov)?\.com/": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789",
    r"https://chat\.googleapis\.com/": "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=fake-key&token=fake-token",
    r"https://open\.larksuite\.com/open-apis/bot/v2/hook/": (
        "https://open.larksuite.com/open-apis/bot/v2/hook/0a0a0a0a-0000-4000-8000-000000000000"
    ),
    r"https?://qyapi\.weixin\.qq\.com/": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=fake-wecom-key",
    r"https?://[^/]+(/powerautomate/[^?]+)?/workflows/[^/]+/triggers/manual/paths/invoke": (
        "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f8c0f5/triggers/manual/paths/invoke"
        "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=FakeTeamsSignature_0123456789"
    ),
}


@pytest.mark.parametrize("table", [FORMS, TEXT_FORMS, WAITS], ids=["forms", "text forms", "waits"])
def test_each_service_with_forms_of_its_own_is_one_of_apprise(table: tuple[object, ...]) -> None:
    named = {name for form in table for name in getattr(form, "services", ())}

    assert named <= service_names()


@pytest.mark.parametrize(
    "names",
    [
        PROGRAMS,
        plugin.FORCED_FORMATS,
        plugin.RENDERS_TEXT_AS_MARKDOWN,
        plugin.TITLE_INSIDE_BODY,
        dialects.DIALECTS,
        dialects.LIMITS,
        cards.SERVICE_FORMS,
        incident_services.OPENS_INCIDENTS,
    ],
    ids=["programs", "forced", "renders text", "titles", "dialects", "limits", "own forms", "incidents"],
)
def test_each_service_with_a_form_of_its_own_is_one_of_apprise(names: frozenset[str]) -> None:
    assert set(names) <= service_names()


@pytest.mark.parametrize("kinds", [rate_limits.MIN_INTERVALS, rate_limits.MAIL_KINDS], ids=["paces", "mail"])
def test_each_kind_is_a_scheme_of_apprise(kinds: frozenset[str]) -> None:
    assert set(kinds) <= schemes()


@pytest.mark.parametrize("start", rate_limits.KIND_BY_ADDRESS)
def test_each_address_is_one_that_apprise_takes_for_that_kind(start: str) -> None:
    url, kind = NATIVE[start], rate_limits.KIND_BY_ADDRESS[start]
    found = plugin.create(url)

    assert re.match(start, url)
    assert found is not None
    assert kind in set(schemes_of(found))
    assert kind in rate_limits.MIN_INTERVALS


NATIVE_INCIDENTS = (
    "https://signals.firehydrant.com/v1/process/FakeToken0123456789",
    f"https://api.spike.sh/v1/alerts/{'0a' * 16}",
    "https://alert.victorops.com/integrations/generic/20131114/alert/fakekey/fakeroute",
    "https://api.squadcast.com/v2/incidents/api/FakeKey0123456789",
    "https://api.eu.squadcast.com/v2/incidents/api/FakeKey0123456789",
    "https://api.incident.io/v2/alert_events/http/01FAKESOURCE?token=fake-token",
    f"https://api.lfg.gm/horn/{'0a' * 16}",
    "https://acme.xmatters.com/api/integration/1/functions/0a0a0a0a-0000-4000-8000-000000000000/triggers?apiKey=fake-key",
)


def test_schemes_of_incident_services_have_the_actions_that_apprise_has() -> None:
    actions = {
        scheme: one.template_args.get("action", {})
        for one in plugins()
        if str(one.service_name) in incident_services.OPENS_INCIDENTS
        for scheme in schemes_of(one)
    }

    ours = incident_services.ACTIONS
    assert {scheme: tuple(args.get("values", ())) for scheme, args in actions.items()} == ours
    assert {scheme: args.get("default") for scheme, args in actions.items()} == {
        scheme: next(iter(names), None) for scheme, names in ours.items()
    }


@pytest.mark.parametrize("url", NATIVE_INCIDENTS)
def test_addresses_of_incident_services_are_known_to_apprise(url: str) -> None:
    found = plugin.create(url)

    assert found is not None
    starts = [scheme for start, scheme in incident_services.KIND_BY_ADDRESS.items() if re.match(start, url)]
    assert len(starts) == 1
    assert starts[0] in set(schemes_of(found))


@pytest.mark.parametrize("status", ["success", "canceled", "failed"])
@pytest.mark.parametrize("service", sorted(incident_services.OPENS_INCIDENTS))
def test_judgement_and_sender_agree_on_channels_without_good_news(service: str, status: str) -> None:
    url = URLS.get(service, f"lfg://{'0a' * 16}")
    message = compose(replace(an_event(), status=status), None)
    actions = ("", "m", "re", "invented", *(name for names in incident_services.ACTIONS.values() for name in names))
    for action in dict.fromkeys(actions):
        acting = f"{url}{'&' if '?' in url else '?'}action={action}" if action else url
        if (found := plugin.create(acting)) is None:
            continue
        channel = Channel(key="k", label="web", kind=url.partition(":")[0], url=acting)
        guard_markup = incident_services.is_needless_incident(service, found, message)
        left_out = incident_services.gets_no_good_news(channel, message.severity)
        assert left_out == guard_markup or (guard_markup and action in {"m", "re"}), (
            acting
        )  # PagerTree takes whole names only


def made(service: str) -> Any:
    return plugin.create(URLS[service])


@pytest.mark.parametrize("service", plugin.FORCED_FORMATS)
def test_each_forced_format_is_one_that_the_plugin_has(service: str) -> None:
    assert plugin.FORCED_FORMATS[service] in {one.value for one in made(service)._formats()}


@pytest.mark.parametrize("service", sorted(plugin.TITLE_INSIDE_BODY))
def test_services_with_the_title_inside_the_body_have_titles_in_apprise(service: str) -> None:
    assert made(service).title_maxlen > 0  # else it goes there without this table


BYTES = [service for service, limit in dialects.LIMITS.items() if limit.is_bytes and service in URLS]


@pytest.mark.parametrize("service", sorted(dialects.LIMITS.keys() & URLS.keys()))
def test_our_limits_are_within_those_of_apprise(service: str) -> None:
    assert dialects.LIMITS[service].max_length <= made(service).body_maxlen


@pytest.mark.parametrize("service", BYTES)
def test_a_limit_that_counts_bytes_is_kept_in_bytes(net: HttpEnd, service: str) -> None:
    """Chinese takes three bytes a character."""
    limit = dialects.LIMITS[service]
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
    for dialect, source in dialects.DIALECTS.values():
        page = source.removeprefix(f"{dialects.NOT_LOOKED_UP}: ")
        assert dialect is dialects.Dialect.GUARDED or page == source
        assert source in {
            dialects.NOT_LOOKED_UP,
            dialects.MAIL,
            dialects.PROGRAM,
            dialects.RADIO,
            dialects.SMS,
        } or re.match(r"[a-z.-]+\.[a-z]+", page)


def test_an_unknown_service_gets_the_form_that_is_safe_everywhere() -> None:
    assert dialects.dialect_of("a service of next year") is dialects.Dialect.GUARDED

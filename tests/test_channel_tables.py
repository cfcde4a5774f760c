"""Our tables of services, held against the Apprise that is locked: a name that it does not have never matches."""

import re

import pytest

from service.channels import limits, plugin
from service.channels.refusal_forms import FORMS, PROGRAMS, TEXT_FORMS, WAITS
from tests.apprise_services import schemes, schemes_of, service_names

NATIVE = {
    r"https://hooks\.slack(-gov)?\.com/": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789",
    r"https://chat\.googleapis\.com/": "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=fake-key&token=fake-token",
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
    [PROGRAMS, plugin.PREFERRED, plugin.RENDERS_TEXT_AS_MARKDOWN, plugin.TITLE_INSIDE_BODY],
    ids=["programs", "preferred", "renders text", "titles"],
)
def test_each_service_with_a_form_of_its_own_is_one_of_apprise(names: frozenset[str]) -> None:
    assert set(names) <= service_names()


@pytest.mark.parametrize("kinds", [limits.BY_KIND, limits.MAIL], ids=["paces", "mail"])
def test_each_kind_is_a_scheme_of_apprise(kinds: frozenset[str]) -> None:
    assert set(kinds) <= schemes()


@pytest.mark.parametrize("start", limits.BY_ADDRESS)
def test_each_address_is_one_that_apprise_takes_for_that_kind(start: str) -> None:
    url, kind = NATIVE[start], limits.BY_ADDRESS[start]
    made = plugin.make(url)

    assert re.match(start, url)
    assert made is not None
    assert kind in set(schemes_of(made))
    assert kind in limits.BY_KIND

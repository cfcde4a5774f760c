"""Forms that are refused: what was typed stays in its field, with the reason beside it."""

import re
from html import unescape
from itertools import product

import httpx
import pytest

from tests.support.app_fixture import RED, Instance
from tests.support.pages_fixture import text

FORM = re.compile(r'<form[^>]*method="get"[^>]*action="([^"?]*)[^>]*>(.*?)</form>', re.DOTALL)
TYPED = re.compile(r'<input(?![^>]*type="hidden")[^>]* name="(\w+)"[^>]*?')
WRONG = ("2x", "[", "!", "a,b", "x" * 300, "<b>", '"')
PAGES = (
    *("/builds", "/notifications", "/settings", "/usage", "/projects", "/tests", "/incidents"),
    "/projects/acme/web/build-and-test",
)


def value_of(form: str, name: str) -> str:
    [tag] = re.findall(rf'<input[^>]* name="{name}"[^>]*>', form)
    [value] = re.findall(r' value="([^"]*)"', tag)
    return unescape(value)


def form_of(page: httpx.Response, action: str) -> str:
    [form] = [body for where, body in FORM.findall(page.text.partition("<main")[2]) if where == action]
    return str(form)


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
async def test_what_is_typed_into_a_search_that_is_refused_stays(instance: Instance, path: str) -> None:
    """Every form that searches, with each of its fields: no page is left out that is added later."""
    await instance.finish(RED)
    await instance.drain()
    shown = await instance.http.get(path)

    forms = FORM.findall(shown.text.partition("<main")[2])
    fields = [(action, name) for action, form in forms for name in TYPED.findall(form)]
    for (action, name), wrong in product(fields, WRONG):
        refused = await instance.http.get(action, params={name: wrong})
        assert refused.status_code in {200, 303, 400}, (action, name, wrong)
        if refused.status_code == 400:
            assert value_of(form_of(refused, action), name) == wrong, (action, name)
            assert 'class="problem" role="alert"' in refused.text


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("/notifications?since=2x&receiver=web", "'2x' is not a time"),
        ("/settings?since=2x&of=gh/acme/web", "'2x' is not a time"),
        ("/usage?month=2026-99&project=gh/acme/web", "'2026-99' is not a month"),
        ("/builds?q=branch:main+since:2x", "'2x' is not a time"),
    ],
)
async def test_the_other_fields_stay_too(instance: Instance, address: str, problem: str) -> None:
    refused = await instance.http.get(address)

    assert (refused.status_code, problem in text(refused)) == (400, True)
    form = form_of(refused, address.partition("?")[0])
    for name, value in httpx.URL(address).params.items():
        assert value_of(form, name) == value


async def test_an_address_that_no_form_sends_is_refused_without_a_form(instance: Instance) -> None:
    answers = [await instance.http.get(f"{path}?nosuch=1") for path in ("/notifications", "/settings", "/usage")]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert all("means nothing here" in text(answer) for answer in answers)

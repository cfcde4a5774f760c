"""Slack's form: rich text within the published limits, whatever stands in a message."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.message import compose, slack_message, slack_problems
from service.message.own import compose_own
from service.model import Commit, Details, Event, JobReport, Link, MessageFacts, News, TestFailure, TestReport
from tests.message.moments import BROKE, MOMENTS, PAGE, a_story, moment
from tests.message.test_message import GOLDEN, STORIES
from tests.support.hostile_words import EVERY

words = st.text(min_size=1, max_size=400)


def elements(shape: Any) -> list[dict[str, Any]]:
    """Return all elements of rich text in a shape, in order."""
    if isinstance(shape, list):
        return [element for one in shape for element in elements(one)]
    if not isinstance(shape, dict):
        return []
    if shape.get("type") in {"text", "link", "emoji", "user"}:
        return [shape]
    return [element for one in shape.values() for element in elements(one)]


def shown(payload: dict[str, Any]) -> str:
    return "".join(element.get("text", "") for element in elements(payload))


@pytest.mark.parametrize("name", MOMENTS)
def test_a_moment_is_shown_as_written_down(name: str) -> None:
    payload = slack_message(moment(name))

    assert payload == json.loads((GOLDEN / "slack" / f"{name}.json").read_text())
    assert slack_problems(payload) == []


@pytest.mark.parametrize("case", STORIES)
def test_every_story_fits_into_the_limits_of_slack(case: str) -> None:
    assert slack_problems(slack_message(compose(*STORIES[case], event_url=PAGE))) == []


def a_hostile_event(subject: str) -> tuple[Event, Details]:
    failure = TestFailure(name=subject, class_name=subject, file=subject, message=subject)
    tests = TestReport(failures=(failure,) * 40, counts={"failure": 10_000})
    jobs = tuple(JobReport(name=subject, status="failed", messages=(subject,), tests=tests) for _ in range(60))
    event = replace(a_story(run=BROKE), branch=subject, commit=Commit(subject=subject, author_name=subject))
    return event, Details(jobs=jobs)


@pytest.mark.long
@given(words)
def test_words_from_outside_are_literal_and_within_the_limits(subject: str) -> None:
    event, details = a_hostile_event(subject)

    payload = slack_message(compose(event, details, facts=MessageFacts(news=News.BROKE)))

    assert slack_problems(payload) == []
    assert {element["type"] for element in elements(payload)} <= {"text", "link", "emoji"}
    assert not any(mark in payload["text"] for mark in "<>")


@pytest.mark.parametrize("subject", EVERY)
def test_hostile_words_are_texts_and_mention_no_one(subject: str) -> None:
    event, details = a_hostile_event(subject)

    payload = slack_message(compose(event, details))

    assert slack_problems(payload) == []
    assert not [element for element in elements(payload) if element["type"] in {"user", "usergroup", "broadcast"}]


def test_long_message_keeps_the_number_of_what_it_leaves_out() -> None:
    event, details = STORIES["200-failures"]

    text = shown(slack_message(compose(event, details, event_url=PAGE)))

    assert "and 190 more" in text
    assert len(text) < 4_000


def test_title_is_the_text_of_a_lock_screen_and_is_shown_once() -> None:
    payload = slack_message(moment("broke"))

    assert payload["text"] == "acme/web main broke: 3 tests fail in unit-tests"
    assert shown(payload).count("3 tests fail in unit-tests") == 1
    [attachment] = payload["attachments"]
    assert attachment["color"] == "#c9302c"


def test_buttons_are_links_with_names() -> None:
    [attachment] = slack_message(moment("broke"))["attachments"]
    [actions] = [block for block in attachment["blocks"] if block["type"] == "actions"]

    assert [button["text"]["text"] for button in actions["elements"]] == ["View job", "Compare with last green"]
    assert all(button["url"].startswith("https://") for button in actions["elements"])


def test_no_address_stands_in_a_text() -> None:
    assert "://" not in shown(slack_message(moment("broke")))


def test_assertion_is_code_and_the_name_of_the_test_stands_first() -> None:
    found = elements(slack_message(moment("broke"))["attachments"])
    at = [element.get("text") for element in found].index("test_total_includes_shipping_after_voucher")

    assert found[at]["style"] == {"bold": True}
    assert [element["text"] for element in found[at + 1 : at + 2]] == [" in tests/test_voucher.py: "]
    assert found[at + 2] == {
        "type": "text",
        "text": "assert Decimal('41.90') == Decimal('46.80')",
        "style": {"code": True},
    }


def test_message_about_no_build_is_shown_too() -> None:
    payload = slack_message(compose_own("Two channels refuse", "web-team\nops", severity="warning", page=PAGE))

    assert "web-team" in shown(payload)
    assert "Look at it in Roundsman" in json.dumps(payload)
    assert slack_problems(payload) == []


TEXT = {"type": "text", "text": "x"}


def rich(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"text": "t", "blocks": [{"type": "rich_text", "elements": list(parts)}]}


def section(*found: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(found)}


def button(**more: Any) -> dict[str, Any]:
    shape = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "url": "https://x.example", **more}
    return {"text": "t", "blocks": [{"type": "actions", "elements": [shape]}]}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"blocks": []}, "text is empty"),
        ({"text": "t", "blocks": [{"type": "divider"}] * 51}, "51 blocks of 50"),
        ({"text": "t", "attachments": [{"blocks": [{"type": "divider"}] * 26}] * 2}, "52 blocks of 50"),
        ({"text": "t", "attachments": [{}] * 101}, "101 attachments of 100"),
        (rich(*[section(TEXT | {"text": "x" * 2_999})] * 14), "all texts have 41987 characters of 40000"),
        (rich(section(TEXT | {"text": "x" * 3_001})), "a text has 3001 characters of 3000"),
        (rich(section(TEXT | {"text": ""})), "a text is empty"),
        (rich(section()), "rich_text_section has 0 elements"),
        (rich(), "a rich_text block has 0 elements"),
        (rich(section(TEXT | {"style": {"loud": True}})), "loud is not a style"),
        (rich(section({"type": "user", "user_id": "ada"})), "ada is not the id of a user"),
        (rich(section({"type": "broadcast", "range": "here"})), "broadcast is not an element"),
        (rich(section({"type": "emoji", "name": ":fire:"})), ":fire: is not the name of an emoji"),
        (rich(section({"type": "link", "url": "javascript:x", "text": "x"})), "not one of http or https"),
        (rich({"type": "rich_text_table", "elements": [TEXT]}), "rich_text_table is not a part"),
        ({"text": "t", "blocks": [{"type": "video"}]}, "video is not a block"),
        ({"text": "t", "blocks": [{"type": "header", "text": {"text": "x" * 151}}]}, "a header has 151"),
        ({"text": "t", "blocks": [{"type": "section", "text": {"text": "x" * 3_001}}]}, "a section's text has 3001"),
        ({"text": "t", "blocks": [{"type": "context", "elements": [TEXT] * 11}]}, "a context block has 11 elements"),
        (button(text={"text": "x" * 76}), "a button has 76 characters of 75"),
        (button(url="https://x.example/" + "x" * 3_000), "an address has 3018 characters of 3000"),
        (button(type="datepicker"), "datepicker is not a button"),
        (button(action_id="x" * 256), "an action_id has 256"),
        ({"text": "t", "attachments": [{"color": "red"}]}, "red is not a color"),
    ],
)
def test_what_slack_would_refuse_is_a_problem(payload: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in slack_problems(payload)), slack_problems(payload)


@pytest.mark.parametrize(
    "element",
    [
        *({"type": "user", "user_id": user} for user in ("U0ADA", "W" + "A" * 20)),
        {"type": "emoji", "name": "large_red_square"},
        {"type": "link", "url": "https://x.example/" + "x" * 2_982, "text": "x" * 3_000},
        TEXT | {"text": "x" * 3_000, "style": {"bold": True}},
    ],
)
def test_what_slack_takes_is_no_problem(element: dict[str, Any]) -> None:
    assert list(slack_problems(rich(section(element)))) == []


def test_a_button_with_a_long_name_is_cut() -> None:
    message = replace(moment("broke"), buttons=(Link(words=("x" * 200,), url="https://x.example"),))

    assert slack_problems(slack_message(message)) == []

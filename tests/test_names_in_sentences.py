"""A name is spelled as its owner spells it, also where a sentence begins with it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import service
from service.text import capitalize_first
from service.web.pages.template_filters import as_sentence
from tests.support.pages_fixture import an_instance, text

ROOT = Path(service.__file__).parent
NAMES = {
    *("label", "labels", "channel_label", "route", "receiver", "branch", "tag", "project", "workflow", "job", "test"),
    *("login", "author", "taken", "by", "who"),
}
BEGINS = re.compile(r"(: |, | )\w+( |$)")
BEGIN_WITH_A_CHANNEL = {
    "channels/apprise.py",
    "channels/failures.py",
    "channels/plugin.py",
    "channels/slack_bot/api.py",
    "channels/slack_bot/sender.py",
    "pipeline/news/left_out.py",
    "pipeline/news/told_before.py",
    "pipeline/planning/plan_notifications.py",
    "pipeline/send.py",
    "pipeline/sending/unknown_channels.py",
    "pipeline/waits/groups.py",
    "pipeline/waits/quiet.py",
}
"""Their sentences are reasons, which pages show as they are, or with the channel's name as one to leave alone."""
BEGIN_WITH_ANOTHER = {
    "circleci/details.py",  # CircleCI
    "cli/_event_text.py",  # a project, on a line of its own that begins with no capital letter
    "cli/insights.py",  # the same
    "message/digest.py",  # behind a comma
    "operations/hooks/hook_rotation.py",  # a slug, which has slashes
    "operations/overviews/project_names.py",  # the sentence of another function
    "pipeline/alarms/watch_budgets.py",  # a slug
    "web/pages/trigger.py",  # a slug
}


def sentences() -> Iterator[str]:
    """Yield the module of each sentence of ours that begins with a name without quotes."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and begins_with_a_name(node):
                yield path.relative_to(ROOT).as_posix()


def begins_with_a_name(sentence: ast.JoinedStr) -> bool:
    match sentence.values:
        case [ast.FormattedValue(value=value, conversion=-1, format_spec=None), ast.Constant(value=str() as words), *_]:
            inside = {getattr(one, "attr", getattr(one, "id", getattr(one, "value", None))) for one in ast.walk(value)}
            return bool(BEGINS.match(words)) and not NAMES.isdisjoint(one for one in inside if isinstance(one, str))
    return False


def test_a_sentence_begins_with_a_name_in_quotes_or_where_its_reader_knows_the_name() -> None:
    assert set(sentences()) == BEGIN_WITH_A_CHANNEL | BEGIN_WITH_ANOTHER


@pytest.mark.parametrize("name", ["main", "web team", "main is red", "deploy-production", "überbau", "ops"])
def test_a_name_that_a_sentence_may_begin_with_stays_as_it_is(name: str) -> None:
    sentence = f"{name} (slack) did not answer within 8 s"

    assert capitalize_first(sentence, f"{name} (slack)") == sentence
    assert as_sentence(sentence, "", f"{name} (slack)") == f"{sentence}."
    assert as_sentence("it did not answer", name) == "It did not answer."


async def test_a_dead_letter_spells_the_channel_as_its_owner_does(folder: Path) -> None:
    async with an_instance(folder) as instance:
        label = "web (slack)"
        await instance.give_up(await instance.owe(await instance.build(), label), f"{label} did not accept the message")
        async with instance.browser() as browser:
            page = await browser.get("/dead-letters")

    assert "web (slack) web (slack) did not accept the message." in text(page)

"""The message of settings that have changed at CircleCI."""

from dataclasses import replace

from service.message.settings_news import MAX_LISTED, compose_settings
from service.model import Message, MessageFacts, SettingsNews
from tests.support.example_events import FAILED

PAGE = "https://roundsman.example.com/builds/1"


def composed(*sentences: str, count: int | None = None) -> Message:
    news = SettingsNews(sentences=sentences, count=len(sentences) if count is None else count)
    return compose_settings(FAILED, news, event_url=PAGE, facts=MessageFacts())


def test_one_change_is_the_title_of_its_message() -> None:
    message = composed("the variable TOKEN was added.")

    assert message.title == "The variable TOKEN was added."
    assert message.text.splitlines()[0] == "The variable TOKEN was added."


def test_several_changes_are_counted_in_the_title_and_listed() -> None:
    message = composed("one.", "two.", count=5)

    assert message.title == f"{FAILED.project_name}: 5 settings changed at CircleCI"
    assert message.text.splitlines()[:4] == ["Changed at CircleCI", "- One.", "- Two.", "- and 3 more"]


def test_changes_that_are_all_listed_are_not_counted_beside() -> None:
    lines = composed("one.", "two.").text.splitlines()

    assert [line for line in lines if line.startswith("- ")] == ["- One.", "- Two."]


def test_first_twenty_changes_are_listed_in_their_order() -> None:
    lines = composed(*(f"change {number}." for number in range(21))).text.splitlines()

    assert MAX_LISTED == 20
    assert [line for line in lines if line.startswith("- ")] == [
        *(f"- Change {number}." for number in range(20)),
        "- and 1 more",
    ]


def test_changes_that_are_no_longer_on_record_are_told_as_such() -> None:
    message = composed(count=0)

    assert message.title == f"{FAILED.project_name}: some settings changed at CircleCI"
    assert message.text.startswith("What changed is no longer on record.")


def test_organization_is_named_where_there_is_no_project() -> None:
    about = replace(FAILED, project=replace(FAILED.project, name=None, slug=None), org="acme")

    message = compose_settings(about, SettingsNews(sentences=("a", "b"), count=2), event_url=None, facts=MessageFacts())

    assert message.title == "acme: 2 settings changed at CircleCI"
    assert (message.subject, message.page) == ("settings:acme", None)

"""Who wrote a commit and who started a build, by the names that each system has for them."""

from typing import Any

import pytest

from service.model import Actor, Commit, Details, Event, Mention, Person
from service.routing.people import Identity, author, author_of, find_mentions
from tests.message.test_message import an_event

ADA = Person(name="ada", circleci=("ada", "user-1"), vcs=("ada-gh", "Ada@Example.com"), slack="U012ABC")
LINH = Person(name="linh", vcs=("linh-gh",), email="linh@example.com", slack="U0LINH", discord="1" * 18)
QUIET = Person(name="quiet", vcs=("quiet@example.com",), slack="U0QUIET", mention=False)
PEOPLE = (ADA, LINH, QUIET)


def by(name: str | None, email: str | None = None, **facts: Any) -> Event:
    return an_event(commit=Commit(author_name=name, author_email=email), **facts)


@pytest.mark.parametrize(
    ("name", "email", "person"),
    [
        ("Ada Example", "ada@example.com", ADA),
        ("Ada Example", "ADA@EXAMPLE.COM", ADA),
        ("ada-gh", None, ADA),
        ("Some One", "123+linh-gh@users.noreply.github.com", LINH),
        ("Some One", "linh-gh@users.noreply.github.com", LINH),
        ("Linh", "linh@example.com", LINH),
        ("ada", "other@example.com", None),  # a login of CircleCI's
        ("user-1", None, None),
        ("Mallory", "ada@example.com.evil.example", None),
        (None, None, None),
        ("ada-gh[bot]", "ada@example.com", None),
    ],
)
def test_author_is_found_by_address_and_login(name: str | None, email: str | None, person: Person | None) -> None:
    assert author_of(by(name, email), PEOPLE) == person


@pytest.mark.parametrize(
    "name",
    [
        *("dependabot[bot]", "renovate[bot]", "renovate-bot", "github-actions", "dependabot", "web-flow", "ci bot"),
        "circleci",
    ],
)
def test_robots_are_never_mentioned(name: str) -> None:
    listed = (Person(name="robot", vcs=(name,), slack="U0BOT"),)

    assert find_mentions(by(name), None, ["author"], people=listed) == ()


@pytest.mark.parametrize("name", ["Abbot", "Talbot Smith", "robotnik", "Bob Otter", "Botond"])
def test_people_are_no_robots(name: str) -> None:
    identity = author(name, None)

    assert identity is not None
    assert not identity.is_bot


def test_author_and_actor_are_mentioned_once_each_in_the_order_asked() -> None:
    details = Details(actor=Actor(id="user-1", login="ada", name="Ada Example"))
    event = by("Linh", "linh@example.com")

    found = find_mentions(event, details, ["actor", "author", "actor"], people=PEOPLE)

    assert found == (
        Mention(name="Ada Example", slack="U012ABC"),
        Mention(name="Linh", slack="U0LINH", discord="1" * 18),
    )


def test_one_person_under_two_names_is_mentioned_once() -> None:
    details = Details(actor=Actor(login="ada", name="Ada E."))

    found = find_mentions(by("Ada Example", "ada@example.com"), details, ["author", "actor"], people=PEOPLE)

    assert [mention.slack for mention in found] == ["U012ABC"]


def test_unknown_person_is_a_plain_name() -> None:
    assert find_mentions(by("<!channel> @here"), None, ["author"], people=PEOPLE) == (Mention(name="<!channel> @here"),)


def test_person_who_wants_no_mention_is_named() -> None:
    found = find_mentions(by("Q", "quiet@example.com"), None, ["author"], people=PEOPLE)

    assert found == (Mention(name="Q"),)


def test_five_people_are_mentioned_at_most() -> None:
    culprits = [Identity(names=(f"dev-{n}",), shown=f"Dev {n}") for n in range(9)]

    found = find_mentions(by("Ada", "ada@example.com"), None, ["author", "culprits"], people=PEOPLE, culprits=culprits)

    assert [mention.name for mention in found] == ["Ada", "Dev 0", "Dev 1", "Dev 2", "Dev 3"]


@pytest.mark.parametrize("trigger", ["schedule", "scheduled_pipeline"])
def test_scheduled_build_was_started_by_no_one(trigger: str) -> None:
    details = Details(actor=Actor(login="ada"))

    assert find_mentions(by(None, trigger=trigger), details, ["actor"], people=PEOPLE) == ()


def test_culprits_are_mentioned_where_they_are_wanted() -> None:
    culprit, event = Identity(names=("linh-gh",), shown="Linh"), by("Ada Example", "ada@example.com")

    assert [one.name for one in find_mentions(event, None, ["culprits"], people=PEOPLE, culprits=[culprit])] == ["Linh"]
    assert [one.name for one in find_mentions(event, None, ["author"], people=PEOPLE, culprits=[culprit])] == [
        "Ada Example"
    ]

"""``people:`` of roundsman.yaml, the routes' ``mention:``, and the reserved receiver ``author``."""

from pathlib import Path

import pytest

from service.model import Person
from tests.support.roundsman_yaml import ROUTE, File

ADA = (
    "people:\n  ada: {circleci: ada, vcs: [ada-gh, ada@example.com], slack: U012ABC, email: ada@example.com, "
    "mention: true}\n"
)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def with_route(keys: str) -> str:
    return f"receivers:\n  team: {{channels: [json://team]}}\nroutes:\n  - {{receiver: team}}\n  - {{{keys}}}\n"


def test_a_person_has_the_names_of_other_systems(file: File) -> None:
    assert file.load(ROUTE + ADA).people == (
        Person(
            name="ada",
            circleci=("ada",),
            vcs=("ada-gh", "ada@example.com"),
            slack="U012ABC",
            email="ada@example.com",
        ),
    )


def test_file_without_people_has_none(file: File) -> None:
    assert file.load(ROUTE).people == ()


@pytest.mark.parametrize(
    ("written", "mention"),
    [("[author, culprits, actor]", ("author", "culprits", "actor")), ("author", ("author",)), ("false", ())],
)
def test_route_names_whom_it_mentions(file: File, written: str, mention: tuple[str, ...]) -> None:
    assert file.load(with_route(f"receiver: team, mention: {written}")).routes[1].mention == mention


def test_own_channels_of_a_person_are_a_receiver(file: File) -> None:
    text = with_route("receiver: author") + "people: {ada: {vcs: ada-gh, channels: [json://ada]}}\n"

    config = file.load(text)

    assert [channel.label for channel in config.receivers["author:ada"].channels] == ["author:ada (json)"]
    assert config.routes[1].receiver == "author"


def test_author_without_any_channels_is_a_warning(file: File) -> None:
    text = with_route("receiver: author, continue: true").replace(
        "{receiver: team}", "{receiver: team, continue: true}"
    )

    assert any("no person under people has channels" in warning for warning in file.warnings(text + ADA))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROUTE.replace("team", "author"), "reserved name"),
        (ROUTE + "people: {ada: {slack: '@ada'}}\n", "people.ada.slack is not a member id of Slack"),
        (ROUTE + "people: {ada: {discord: '7'}}\n", "people.ada.discord is not the id of a user of Discord"),
        (ROUTE + "people: {ada: {email: ada}}\n", "people.ada.email is not an e-mail address"),
        (ROUTE + "people: {ada: {slak: U012ABC}}\n", "people.ada.slak is not a key here; did you mean slack?"),
        (ROUTE + "people: {ada: {mention: maybe}}\n", "people.ada.mention must be true or false"),
        (with_route("receiver: team, mention: [athor]"), "athor cannot be mentioned; did you mean author?"),
        (with_route("receiver: team, mention: true"), "cannot be mentioned"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: File, text: str, complaint: str) -> None:
    assert any(complaint in found for found in file.complaints(text)), file.complaints(text)

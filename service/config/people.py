"""The people, under ``people:`` of roundsman.yaml, and the routes' ``mention:``."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from service.config.addresses import Addresses
from service.config.shapes import Shape, suggest
from service.config.yaml_document import Document
from service.model import AUTHOR, Person, Route
from service.routing.patterns import to_nfc
from service.routing.people import MENTIONABLE

_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
_DISCORD_ID = re.compile(r"[0-9]{15,21}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _slack(written: str) -> str:
    if not _SLACK_ID.fullmatch(written):
        raise ValueError("is not a member id of Slack; it looks like U012ABC: Slack shows it in the member's profile")
    return written


def _discord(written: str) -> str:
    if not _DISCORD_ID.fullmatch(written):
        raise ValueError("is not the id of a user of Discord; it is a number of 15 to 21 digits, in quotes")
    return written


def _email(written: str) -> str:
    if not _EMAIL.fullmatch(written):
        raise ValueError("is not an e-mail address; it looks like ada@example.com")
    return written


def _mentioned(written: str) -> str:
    if written not in MENTIONABLE:
        raise ValueError(f"{written} cannot be mentioned; {suggest(written, MENTIONABLE)}")
    return written


def _mentions(value: object) -> object:
    return [] if value is False or value == "false" else _as_list(value)


Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_list)]
Mentions = Annotated[tuple[Annotated[str, AfterValidator(_mentioned)], ...], BeforeValidator(_mentions)]


class PersonShape(Shape):
    """A person, and the names that other systems have for them."""

    circleci: Names = ()
    vcs: Names = ()
    email: Annotated[str, AfterValidator(_email)] | None = None
    slack: Annotated[str, AfterValidator(_slack)] | None = None
    discord: Annotated[str, AfterValidator(_discord)] | None = None
    mention: bool = True
    channels: Addresses | None = None


def to_people(shapes: dict[str, Any]) -> tuple[Person, ...]:
    """Return the people of the file."""
    fields = ("circleci", "vcs", "email", "slack", "discord", "mention")
    return tuple(
        Person(name=to_nfc(name), **{field: getattr(shape, field) for field in fields})
        for name, shape in shapes.items()
    )


def author_warnings(document: Document, routes: Sequence[Route], *, has_channels: bool) -> Iterator[str]:
    """Yield a warning for each route to the author if no person has channels."""
    for position, route in enumerate(routes):
        if route.receiver == AUTHOR and not has_channels:
            yield document.problem(
                ("routes", position, "receiver"), "tells no one: no person under people has channels"
            )

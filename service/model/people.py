"""People, as roundsman.yaml lists them, and mentions of them in messages."""

from dataclasses import dataclass

AUTHOR = "author"
"""The reserved name of a receiver: the channels of the commit's author."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person, and the names that other systems have for them.

    name       the key in roundsman.yaml
    circleci   logins and ids at CircleCI
    vcs        logins and e-mail addresses at the VCS
    slack      the id of the member at Slack, such as ``U012ABC``; ``discord`` likewise
    mention    False: messages name the person, and mention them nowhere
    """

    name: str
    circleci: tuple[str, ...] = ()
    vcs: tuple[str, ...] = ()
    email: str | None = None
    slack: str | None = None
    discord: str | None = None
    mention: bool = True

    @property
    def receiver(self) -> str:
        """Return the name of the receiver of the person's own channels."""
        return f"{AUTHOR}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A person whom a message is for, with the ids by which services mention them.

    slack, discord  None where the person is not known there, or wants no mention: the name alone is shown
    """

    name: str
    slack: str | None = None
    discord: str | None = None

"""The people of an event: who wrote its commit and who started it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.model import AUTHOR, Channel, Details, Event, Mention, Person, Receiver

MAX_MENTIONS = 5
MENTIONABLE = ("author", "culprits", "actor")

_BOT = re.compile(
    r"\[bot\]|(?:^|[-_ ])bot$|^system[-_ ]actor$|^web-flow$"
    r"|^(?:circleci|dependabot|renovate|greenkeeper|snyk|github-actions|semantic-release|mergify|pre-commit)"
    r"(?:[-_ ]|$)",
    re.IGNORECASE,
)
# GitHub and GitLab give commits made on their pages such an address; the login is a part of it.
_NOREPLY = re.compile(r"(?:\d+[+-])?(?P<login>[^@+]+)@users\.noreply\.[a-z0-9.-]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The names by which an event knows a person.

    is_circleci   the names are CircleCI's; else those of the VCS
    """

    names: tuple[str, ...]
    shown: str
    is_circleci: bool = False

    @property
    def is_bot(self) -> bool:
        """True if one of the names is that of a robot."""
        return any(_BOT.search(name.partition("@")[0]) for name in self.names)


def author_of(event: Event, people: Sequence[Person]) -> Person | None:
    """Return the author of the commit, if listed in roundsman.yaml and no robot."""
    identity = author(event.commit.author_name, event.commit.author_email)
    return find_person(identity, people) if identity and not identity.is_bot else None


def channels_of(
    receiver: str, event: Event, receivers: Mapping[str, Receiver], people: Sequence[Person]
) -> Sequence[Channel]:
    """Return the channels of a receiver; of ``author`` those of the commit's author."""
    if receiver != AUTHOR:
        return receivers[receiver].channels
    person = author_of(event, people)
    own = receivers.get(person.receiver) if person else None
    return own.channels if own else ()


def author(name: str | None, email: str | None) -> Identity | None:
    """Return the identity of a commit's author; None if nothing is known."""
    login = _NOREPLY.fullmatch(email or "")
    names = tuple(filter(None, (email, login and login["login"], name)))
    return Identity(names=names, shown=name or names[0]) if names else None


def find_person(identity: Identity, people: Sequence[Person]) -> Person | None:
    """Return the person whom the names are of; the first name counts most.

    Names in which nothing but the case differs are equal.
    """
    for name in identity.names:
        for person in people:
            if name.casefold() in _names_of(person, is_circleci=identity.is_circleci):
                return person
    return None


def find_mentions(
    event: Event,
    details: Details | None,
    wanted: Sequence[str],
    *,
    people: Sequence[Person],
    culprits: Sequence[Identity] = (),
) -> tuple[Mention, ...]:
    """Return the people whom a message is for, each once: five at most, and no robots."""
    found: dict[str, Mention] = {}
    for kind in wanted:
        for identity in _identities(kind, event, details, culprits):
            person = find_person(identity, people)
            if not identity.is_bot:
                found.setdefault(_key(identity, person), _mention(identity, person))
    return tuple(found.values())[:MAX_MENTIONS]


def _identities(kind: str, event: Event, details: Details | None, culprits: Sequence[Identity]) -> Iterator[Identity]:
    if kind == "author" and (identity := author(event.commit.author_name, event.commit.author_email)):
        yield identity
    if kind == "culprits":
        yield from culprits
    actor = (details.actor if details else None) or event.actor
    if kind == "actor" and not event.is_scheduled:
        names = tuple(filter(None, (actor.id, actor.login)))
        if shown := actor.name or actor.login:
            yield Identity(names=names or (shown,), shown=shown, is_circleci=True)


def _key(identity: Identity, person: Person | None) -> str:
    return f"person:{person.name}" if person else f"name:{identity.shown.casefold()}"


def _mention(identity: Identity, person: Person | None) -> Mention:
    if person is None or not person.mention:
        return Mention(name=identity.shown)
    return Mention(name=identity.shown, slack=person.slack, discord=person.discord)


def _names_of(person: Person, *, is_circleci: bool) -> frozenset[str]:
    names = person.circleci if is_circleci else (*person.vcs, *([person.email] if person.email else []))
    return frozenset(name.casefold() for name in names)

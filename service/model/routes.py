"""Receivers, channels, routes and hooks, as configured."""

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One address of a receiver.

    key     stays the same while the entry in roundsman.yaml does, even when the secret behind it is rotated
    label   its name for people: ``web-team (slack)``
    kind    the scheme of its URL: ``slack``, ``mailto``, ``json`` ...
    url     an Apprise URL with its secrets: never shown, logged or stored
    place   the file and line where it stands: ``roundsman.yaml:4``; empty for one that stands in no file
    """

    key: str
    label: str
    kind: str
    url: str = field(repr=False)
    place: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A named group of channels, for one group of people.

    headline, body  templates in place of the built-in ones; None: those
    """

    name: str
    channels: tuple[Channel, ...]
    headline: str | None = None
    body: str | None = None


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """A test on one fact: one of the patterns fits and no excluded one does.

    key        ``event org project branch tag workflow job status trigger actor author``
    patterns   globs, any of them; empty means anything, also an absent fact
    excluded   globs that were written with a leading ``!``
    """

    key: str
    patterns: tuple[str, ...]
    excluded: tuple[str, ...] = ()


EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WHOLE_DAY = ((0, 24 * 60),)


@dataclass(frozen=True, kw_only=True)
class ActiveHours:
    """The hours in which a route tells people; at all others it is quiet.

    days       0 is Monday
    spans      begin and end of hours, in minutes from midnight; an end before its begin is on the next day
    timezone   a name of the tz database, such as ``Europe/Oslo``
    """

    days: tuple[int, ...] = EVERY_DAY
    spans: tuple[tuple[int, int], ...] = WHOLE_DAY
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """Others who hear of an incident that no one has taken for long.

    after_s   seconds from the message that it broke
    """

    after_s: int
    receiver: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """News that a channel hears in one message, if they come soon after each other.

    by       facts that they must share: ``pipeline``, ``track``, ``receiver``, ``fingerprint``
    wait_s   seconds for which the first one waits for the others
    """

    by: tuple[str, ...]
    wait_s: int


@dataclass(frozen=True, kw_only=True)
class Route:
    """Matchers, and the receiver of the events that they match.

    continues   later routes are tried even after this one has matched
    mention     the people whom its messages mention: ``author culprits actor``
    active      the hours in which it tells people; None: always
    is_urgent   it tells people at all hours
    has_log     its messages show the end of the failed step's log
    repeat_s    seconds between two reminders of an incident that no one has taken; None: there are none
    escalation  others who hear of it then; None: no one
    group       news that are told in one message; None: each is told at once
    act_links_s seconds for which the links to acts in its messages are valid; None: there are none
    """

    name: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    active: ActiveHours | None = None
    is_urgent: bool = False
    mention: tuple[str, ...] = ()
    has_log: bool = False
    repeat_s: int | None = None
    escalation: Escalation | None = None
    group: Group | None = None
    act_links_s: int | None = None


@dataclass(frozen=True)
class RoutesVersion:
    """All routes of one state of roundsman.yaml; equal routes are one version."""

    routes: tuple[Route, ...]

    @cached_property
    def document(self) -> list[dict[str, Any]]:
        """Return the routes in JSON's types."""
        return [asdict(route) for route in self.routes]

    @cached_property
    def digest(self) -> str:
        """Return a hash of the routes, the same in every process."""
        return sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class HookSpec:
    """A hook that roundsman.yaml wants at a project, or at all that patterns fit.

    project     its slug, or the patterns as they are written
    patterns    those that fit the projects, and ``excluded`` those that leave projects out; none for one project
    project_id  where it is known
    """

    project: str
    name: str
    events: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    project_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A registration of a URL at a source's project, as the source lists it.

    has_secret   True if it signs its posts; the secret itself cannot be read back
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    verify_tls: bool
    has_secret: bool = True

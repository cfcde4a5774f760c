"""Whom to tell of what: receivers, channels, routes and hooks."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One address of a receiver.

    key     stays the same while the entry in roundsman.yaml does, even when the secret behind it is rotated
    label   how people recognize it: ``web-team (slack)``
    kind    the scheme of its URL: ``slack``, ``mailto``, ``json`` ...
    url     an Apprise URL with its secrets: never shown, logged or stored
    """

    key: str
    label: str
    kind: str
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A named group of channels: the people."""

    name: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """One test on one fact: some pattern fits and no excluded one does.

    key        ``event org project branch tag workflow job status trigger actor author``
    patterns   globs, any of them; empty means anything, also an absent fact
    excluded   globs that were written with a leading ``!``
    """

    key: str
    patterns: tuple[str, ...]
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """Matchers and the receiver that hears of what they match."""

    name: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False


@dataclass(frozen=True, kw_only=True)
class HookSpec:
    """A hook that roundsman.yaml wants at a project."""

    project: str
    name: str
    events: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One registration of a URL at a source's project, as the source lists it.

    has_secret   whether it signs; with which secret cannot be read back
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    verify_tls: bool
    has_secret: bool = True

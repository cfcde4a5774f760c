"""Hide private words in a report that is to be shown to others.

Secrets are hidden always; addresses, names of projects, people, channels and folders unless the reader asks for them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from service.channels.secrets import secrets as parts_of
from service.config.configuration import Config
from service.config.settings import Settings, is_secret
from service.operations.hooks.hook_addresses import CLOUD

HIDDEN = "***"
MIN_CHARACTERS = 3
HARMLESS = frozenset({CLOUD, "localhost", "127.0.0.1", "::1", "main", "http", "https", "the", "and"})
URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>,;)]+")
ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
PASSWORD = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*?:(.+)@")
MIN_SECRET_PART = 12  # of a channel's URL: shorter parts, such as a room's name, are words of our sentences too
IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
PLAIN = re.compile(r"<(receiver|route|organization|project) \d+>")
KINDS = re.compile(r"\b(receiver|route|organization|project|channel|person)s?\b", re.IGNORECASE)
PLACEHOLDER = re.compile(r"<(.+?)(?: \d+)?>")
NAMED_BY = r"['\"`/]|\b(?:receiver|route|organization|project|channel) "  # what stands before a name in our sentences
EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[a-zA-Z]{2,}")


@dataclass(frozen=True, kw_only=True)
class Private:
    """Words that a report may have beside those of the configuration.

    people     logins
    projects   slugs
    hosts      those of channels, which stand in their URLs
    """

    people: Sequence[str] = ()
    projects: Sequence[str] = ()
    hosts: Sequence[str] = ()


class Hiding:
    """A filter of sentences.

    secrets   replaced by ``***`` wherever they occur
    names     private words, each with what stands for it; None: names are shown. One that is a plain word, such as a
              receiver called leads, is hidden where it stands as a name: in quotes, in a slug, or after its kind. One
              that names several things, such as a route and a project, is called what the sentence calls it, else what
              comes last
    """

    def __init__(self, secrets: Iterable[str], names: Iterable[tuple[str, str]] | None) -> None:
        self._secrets = re.compile(_any_of(filter(None, secrets)), re.IGNORECASE)
        shown = [(one, word) for one, word in names or () if _is_private(one)]
        self._names: dict[str, dict[str, str]] = {}
        for one, word in shown:
            self._names.setdefault(one.casefold(), {})[_kind(word)] = word
        is_plain = {one: one.isalpha() and bool(PLAIN.fullmatch(word)) for one, word in shown}
        plain = _any_of(one for one, is_word in is_plain.items() if is_word)
        other = _any_of(one for one, is_word in is_plain.items() if not is_word)
        self._pattern = re.compile(rf"(?<!\w)(?:{other})(?!\w)", re.IGNORECASE)
        self._plain = re.compile(rf"(?:(?<!\w)(?:{plain})(?=/)|({NAMED_BY})(?:{plain})(?!\w))", re.IGNORECASE)
        self._hides_names = names is not None

    def __call__(self, sentence: str) -> str:
        """Return a sentence without what is to be hidden."""
        sentence = self._secrets.sub(HIDDEN, sentence)
        if not self._hides_names:
            return sentence
        sentence = EMAIL.sub("<email>", sentence)
        sentence = self._pattern.sub(lambda found: self._placeholder(found[0], found), sentence)
        sentence = self._plain.sub(self._replace_plain, sentence)
        without_urls = URL.sub(_hidden_url, sentence)
        return IPV6.sub(_hidden_ipv6, ADDRESS.sub(_hidden_address, without_urls))

    def _replace_plain(self, found: re.Match[str]) -> str:
        before = found[1] or ""
        return f"{before}{self._placeholder(found[0][len(before) :], found)}"

    def _placeholder(self, name: str, found: re.Match[str]) -> str:
        """Return what stands for a name.

        By the kind of thing that the sentence named last before the name's end.
        """
        words = self._names[name.casefold()]
        named = [kind[1].lower() for kind in KINDS.finditer(found.string, 0, found.end())]
        return words.get(named[-1] if named else "", [*words.values()][-1])


def _kind(placeholder: str) -> str:
    """Return what a placeholder says that a name is, without its number."""
    return PLACEHOLDER.sub(r"\1", placeholder)


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of the words, the longest first; of none, for nothing."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)"


def _is_private(word: str) -> bool:
    return len(word) >= MIN_CHARACTERS and word.casefold() not in HARMLESS


def _hidden_url(found: re.Match[str]) -> str:
    """Return a URL, unless it is of a host that is not CircleCI's or this machine."""
    try:
        host = urlsplit(found[0]).hostname or ""
    except ValueError:
        return "<address>"
    return found[0] if host in HARMLESS else "<address>"


def _hidden_address(found: re.Match[str]) -> str:
    return found[0] if found[0] in {"127.0.0.1", "0.0.0.0"} else "<address>"  # noqa: S104 - a text


def _hidden_ipv6(found: re.Match[str]) -> str:
    """Return the text if it is no IPv6 address, such as a time of day."""
    try:
        is_private = not IPv6Address(found[0]).is_loopback
    except ValueError:
        return found[0]
    return "<address>" if is_private else found[0]


def hiding_for(config: Config, private: Private, *, shows_names: bool) -> Hiding:
    """Return the filter for the report of a configuration."""
    return Hiding(_secrets(config), None if shows_names else _names(config, private))


def _secrets(config: Config) -> Iterator[str]:
    """Yield all secrets.

    A part of a channel's URL that is the name of a receiver or route too, as a path may be, is none.
    """
    for name in filter(is_secret, Settings.model_fields):
        value = getattr(config.settings, name)
        yield from value if isinstance(value, tuple) else [value or ""]
    for receiver in config.receivers.values():
        for channel in receiver.channels:
            yield channel.url
            long = {part for part in parts_of(channel.url) if len(part) >= MIN_SECRET_PART}
            yield from long - {name.casefold() for name in [*config.receivers, *(one.name for one in config.routes)]}
            yield from _passwords(channel.url)
    for url in (config.settings.database_url, config.settings.watchdog_url or "", *getproxies().values()):
        yield from _passwords(url)


def _passwords(url: str) -> set[str]:
    """Return the user's password in a URL, also one that cannot be taken apart."""
    found = PASSWORD.match(url)
    return {found[1], unquote(found[1])} if found else set()


def _names(config: Config, private: Private) -> Iterator[tuple[str, str]]:
    """Yield private words, each with what stands for it; a later one wins."""
    settings = config.settings
    for folder in (Path.home(), Path.cwd()):
        yield str(folder), "<folder>"
    for url, word in (
        (settings.database_url, "<database host>"),
        (settings.public_url, "<public host>"),
        (settings.circleci_url, "<CircleCI host>"),
        (settings.oidc_issuer, "<OIDC host>"),
        (settings.slack_url, "<Slack host>"),
        (settings.watchdog_url, "<watchdog host>"),
    ):
        for host in _hosts(url or ""):
            yield host, word
    yield from _numbered(private.hosts, "channel host")
    if settings.database_url.startswith("sqlite:///"):
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        yield str(path.parent.absolute()), "<data folder>"
        if len(path.parent.parts) > 1:  # a plain word, such as data, occurs in sentences
            yield str(path.parent), "<data folder>"
    yield from _numbered([one.name for one in config.receivers.values()], "receiver")
    labels = [channel.label for one in config.receivers.values() for channel in one.channels]
    yield from _numbered(labels, "channel")
    yield from _numbered([one.name for one in config.routes], "route")
    yield from _numbered(private.people, "person")
    slugs = [*(hook.project for hook in config.hooks), *private.projects]
    yield from _numbered([part for slug in slugs for part in slug.split("/")[1:2]], "organization")
    yield from _numbered([slug.rpartition("/")[2] for slug in slugs], "project")
    yield from _numbered(slugs, "project")


def _hosts(url: str) -> list[str]:
    """Return the hosts of a URL; that of Postgres may name several."""
    hosts = url.partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    return [bare for host in hosts if (bare := re.sub(r":\d+$", "", host).strip("[]"))]


def _numbered(words: Iterable[str], kind: str) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(dict.fromkeys(words), start=1):
        yield word, f"<{kind} {number}>"

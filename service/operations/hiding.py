"""Hide private words in a report that is to be shown to others.

Secrets are hidden always; addresses, names of projects, people, channels and folders unless the reader asks for them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.config.configuration import Config
from service.config.settings import Settings, is_secret
from service.operations.hook_addresses import CLOUD

HIDDEN = "***"
MIN_CHARACTERS = 3
HARMLESS = frozenset({CLOUD, "localhost", "127.0.0.1", "::1", "main", "http", "https", "the", "and"})
URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>,;)]+")
ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[a-zA-Z]{2,}")


class Hiding:
    """A filter of sentences.

    secrets   replaced by ``***`` wherever they occur
    names     what stands for each private word; none: names are shown
    """

    def __init__(self, secrets: Iterable[str], names: Mapping[str, str] | None) -> None:
        self._secrets = sorted({one for one in secrets if one}, key=len, reverse=True)
        shown = {} if names is None else {one: word for one, word in names.items() if _is_private(one)}
        self._names = {one.casefold(): word for one, word in shown.items()}
        by_length = sorted(map(re.escape, shown), key=len, reverse=True)
        joined = "|".join(by_length)
        self._pattern = re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if joined else None
        self._hides_names = names is not None

    def __call__(self, sentence: str) -> str:
        """Return a sentence without what is to be hidden."""
        for secret in self._secrets:
            sentence = sentence.replace(secret, HIDDEN)
        if not self._hides_names:
            return sentence
        sentence = EMAIL.sub("<email>", sentence)
        if self._pattern:
            sentence = self._pattern.sub(lambda found: self._names[found[0].casefold()], sentence)
        return ADDRESS.sub(_hidden_address, URL.sub(_hidden_url, sentence))


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


def hiding_for(config: Config, *, people: Iterable[str], projects: Iterable[str], shows_names: bool) -> Hiding:
    """Return the filter for the report of a configuration.

    people     logins that may occur in it
    projects   slugs of projects that may occur beside those of the configuration
    """
    names = None if shows_names else dict(_names(config, people, projects))
    return Hiding(_secrets(config), names)


def _secrets(config: Config) -> Iterator[str]:
    for name in filter(is_secret, Settings.model_fields):
        value = getattr(config.settings, name)
        yield from value if isinstance(value, tuple) else [value or ""]
    for receiver in config.receivers.values():
        yield from (channel.url for channel in receiver.channels)
    password = urlsplit(config.settings.database_url).password or ""
    yield from {password, unquote(password)}


def _names(config: Config, people: Iterable[str], projects: Iterable[str]) -> Iterator[tuple[str, str]]:
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
        if host := urlsplit(url or "").hostname:
            yield host, word
    if settings.database_url.startswith("sqlite:///"):
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        yield str(path.parent.absolute()), "<data folder>"
        if len(path.parent.parts) > 1:  # a plain word, such as data, occurs in sentences
            yield str(path.parent), "<data folder>"
    yield from _numbered([one.name for one in config.receivers.values()], "receiver")
    labels = [channel.label for one in config.receivers.values() for channel in one.channels]
    yield from _numbered(labels, "channel")
    yield from _numbered([one.name for one in config.routes], "route")
    yield from _numbered(people, "person")
    slugs = [*(hook.project for hook in config.hooks), *projects]
    yield from _numbered([part for slug in slugs for part in slug.split("/")[1:2]], "organization")
    yield from _numbered([slug.rpartition("/")[2] for slug in slugs], "project")
    yield from _numbered(slugs, "project")


def _numbered(words: Iterable[str], kind: str) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(dict.fromkeys(words), start=1):
        yield word, f"<{kind} {number}>"

"""The channels of a receiver: resolve the text in roundsman.yaml to Apprise URLs."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from service.model import Channel, Receiver

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<file>file:)?(?P<name>[^}]*)(?P<end>\}?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.")


@dataclass(frozen=True, kw_only=True)
class SecretSources:
    """The sources of a channel's secrets: the environment, and files.

    folder        the folder of roundsman.yaml, which paths of files are relative to
    placeholder   the text to use in place of secrets when nothing will be sent; None: the secrets must be there
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    placeholder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Address:
    """A channel as written in roundsman.yaml, and its URL with the secrets filled in.

    name   its name for people, such as ``#web``; None: it is called by its kind
    """

    written: str
    url: str = field(repr=False)
    name: str | None = None

    @property
    def kind(self) -> str:
        """The scheme of the URL."""
        return self.url.partition("://")[0].lower()


def resolve(written: str, sources: SecretSources) -> Address:
    """Fill in ``${NAME}`` and ``${file:PATH}``; ``$${`` stands for ``${``.

    Raises ValueError with a claim that names what is missing, and never shows a value.
    """
    url = _REFERENCE.sub(lambda reference: _fill_in(reference, sources), written).strip()
    if not _SCHEME.match(url):
        raise ValueError("is not an address: it must begin like slack:// or mailto:// (Apprise lists them all)")
    return Address(written=written, url=url)


def fingerprint(receivers: Iterable[Receiver]) -> str:
    """Return a hash of the channels and their secrets, to compare configurations by.

    It is too short to give a secret away.
    """
    every = sorted({(channel.key, channel.url) for receiver in receivers for channel in receiver.channels})
    return sha256(repr(every).encode()).hexdigest()[:8]


def channels(
    receiver: str, addresses: Iterable[Address], keys: dict[str, str], *, place: Callable[[int], str] = lambda _: ""
) -> tuple[Channel, ...]:
    """Return the channels of a receiver, each with its key and label.

    keys    the key of each URL so far, which this function adds to: an address has one key in all receivers
    place   returns the file and line of an address by its number, from 0

    The key is made of the text as written, so it stays when the secret behind it is replaced. An address that the
    receiver names twice becomes one channel.
    """
    made: dict[str, Channel] = {}
    seen: Counter[str] = Counter()
    for number_of_address, address in enumerate(addresses):
        key = keys.setdefault(address.url, sha256(address.written.encode()).hexdigest()[:16])
        if key in made:
            continue
        name = address.name or address.kind
        seen[name] += 1
        number = f" {seen[name]}" if seen[name] > 1 else ""
        label = f"{receiver} ({name}{number})"
        made[key] = Channel(key=key, label=label, kind=address.kind, url=address.url, place=place(number_of_address))
    return tuple(made.values())


def _fill_in(reference: re.Match[str], sources: SecretSources) -> str:
    name = reference["name"]
    if name is None:
        return "${"
    if not reference["end"]:
        raise ValueError("opens a ${ that no } closes; write $${ for the plain characters")
    value = _from_file(name, sources) if reference["file"] else _from_environment(name, sources)
    return quote(value, safe="") if _is_password(reference) else value


def _is_password(reference: re.Match[str]) -> bool:
    """Return True if the reference is all the text between ``:`` and ``@``.

    There an @ or a slash would break the URL, so the value is percent-encoded.
    """
    text = reference.string
    return text[: reference.start()].endswith(":") and text.startswith("@", reference.end())


def _from_environment(name: str, sources: SecretSources) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("has a ${...} that names neither a variable nor a file; write ${NAME} or ${file:PATH}")
    if sources.placeholder is not None:
        return sources.placeholder
    value = sources.environ.get(name, "").strip()
    if not value:
        raise ValueError(f"needs the variable {name}, which is not set; set it where Roundsman runs")
    try:
        value.encode()
    except UnicodeEncodeError:  # Python keeps bytes that the locale cannot read as lone surrogates
        raise ValueError(f"needs the variable {name}, which is not UTF-8 text; write it in UTF-8") from None
    return value


def _from_file(name: str, sources: SecretSources) -> str:
    if sources.placeholder is not None:
        return sources.placeholder
    try:
        value = (sources.folder / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(
            f"needs the file {name}, which cannot be read: {error.strerror}; name a file that this user may read"
        ) from None
    except ValueError:  # not UTF-8, or a name that no file can have
        raise ValueError(f"needs the file {name}, which is not UTF-8 text") from None
    if not value:
        raise ValueError(f"needs the file {name}, which is empty; put the secret into it")
    return value

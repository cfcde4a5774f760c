"""The syntax of a search: ``status:failed branch:main by:ada since:7d words``.

It says the same as filters given one by one, so the search field of the builds page, ``q`` of the API and ``--q`` of
``events list`` read it alike.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from service.errors import BadRequest

MAX_TOKENS = 100
_TOKEN = re.compile(r'(?:(?P<name>[A-Za-z_]+):(?!//))?(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>\S+))')
_PLAIN = re.compile(r'(?!//)[^\s"]\S*')


def expand(asked: Mapping[str, str | Sequence[str]], names: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return filters with those in the text of ``q``, which keeps the words.

    names   of all filters; a filter in the text is added to the values that it has
    A text in quotes is words, with any content: ``"fix: typo"``; a quote in it is doubled. Raises BadRequest for a name
    that is no filter.
    """
    found = {name: [value] if isinstance(value, str) else list(value) for name, value in asked.items()}
    words = []
    for name, value in _tokens(" ".join(found.pop("q", []))):
        if name is None:
            words.append(value)
        else:
            found.setdefault(_known(name, value, names), []).append(value)
    return {**found, **({"q": [" ".join(words)]} if words else {})}


def _tokens(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield each part of a text: the name before its colon, if any, and the rest."""
    found = list(_TOKEN.finditer(text))
    if len(found) > MAX_TOKENS:
        raise BadRequest(f"a search may have {MAX_TOKENS} parts; keep those that are rare")
    for token in found:
        quoted = token["quoted"]
        yield token["name"], token["plain"] if quoted is None else quoted.replace('""', '"')


def write(filters: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    """Return the text that says the same as filters: ``expand`` reads it back.

    names   of all filters, in the order in which they are written, the words last
    """
    parts = [f"{name}:{_quoted(value)}" for name in names for value in filters.get(name, ()) if value]
    words = " ".join(filters.get("q", ())).split()
    return " ".join([*parts, *(one if _is_word(one) else _always_quoted(one) for one in words)])


def _is_word(text: str) -> bool:
    """Return whether a text is read as a word, and as nothing else."""
    return not text.startswith('"') and list(_tokens(text)) == [(None, text)]


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else _always_quoted(value)


def _always_quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _known(name: str, value: str, names: Sequence[str]) -> str:
    """Return the name of a filter, in any case. Raises BadRequest."""
    lower = name.lower()
    if lower in names:
        return lower
    near = get_close_matches(lower, names, n=1)
    hint = f"did you mean {near[0]}:?" if near else f"there are {', '.join(names)}."
    raise BadRequest(
        f"'{name}:' is not something to search by; {hint} Words with a colon stand in quotes: \"{name}:{value}\""
    )

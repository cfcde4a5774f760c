r"""Patterns for names: globs that also fit the name that equals them.

``*`` stands for any text, slashes included, ``?`` for one character, ``[ab]`` for one of these. A pattern that equals a
name fits it even if it has wildcards in it (such as ``dependabot[bot]``), and a backslash takes ``* ? [ ] ! \``
literally. Two spellings of one name in Unicode are the same name. Case counts.
"""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from unicodedata import normalize

_PIECE = re.compile(r"\\(?P<escaped>[*?\[\]!\\])|(?P<set>\[!?+\]?+[^\]]*\])", re.DOTALL)
_PLAIN_SET = re.compile(r"\[(?:[*?\[]|!.*|(?:\w-\w)+)\]", re.DOTALL)  # sets that cannot be meant as a part of a name


def to_nfc(text: str) -> str:
    """Return the text in Unicode's normal form NFC, in which names are compared."""
    return normalize("NFC", text)


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether the pattern fits a name, given in NFC."""
    name = to_nfc(pattern)
    if not has_wildcards(name):
        names = frozenset({name, unescape(name)})
        return names.__contains__  # to compile a glob takes 50 times as long, and most patterns are names
    glob = re.compile(translate(_PIECE.sub(_as_glob, name))).match
    return lambda value: value == name or glob(value) is not None


def has_wildcards(pattern: str) -> bool:
    """Tell whether a pattern fits more than one name."""
    rest = _PIECE.sub(lambda piece: "*" if piece["set"] else "", pattern)
    return any(wildcard in rest for wildcard in "*?[")


def unescape(pattern: str) -> str:
    """Return a pattern without its escapes.

    It is the only name that the pattern fits, if it has no wildcards.
    """
    return _PIECE.sub(lambda piece: piece["escaped"] or piece[0], pattern)


def quote(pattern: str) -> str:
    """Return a pattern for a list in a sentence: one with a comma in quotes."""
    return f"'{pattern}'" if "," in pattern else pattern


def has_closed_brackets(pattern: str) -> bool:
    """Tell whether each bracket that opens a set is closed by another."""
    return "[" not in _PIECE.sub("", pattern)


def find_ambiguous_set(pattern: str) -> str | None:
    """Return the first set of a pattern that could be a part of a name.

    ``[bot]`` could be one, but not ``[0-9]`` or ``[[]``.
    """
    sets = (piece["set"] for piece in _PIECE.finditer(pattern) if piece["set"])
    return next((one for one in sets if not _PLAIN_SET.fullmatch(one)), None)


def find_ambiguous_escape(pattern: str) -> str | None:
    r"""Return the first ``\*`` or ``\?`` of a pattern.

    Its backslash may be meant as a part of a name, with a wildcard after it.
    """
    escapes = (piece[0] for piece in _PIECE.finditer(pattern) if piece["escaped"] in {"*", "?"})
    return next(escapes, None)


def ends_with_question_mark(pattern: str) -> bool:
    """Return True if the only wildcard of a pattern is a ``?`` at its end.

    It follows a word, so it may be meant as a part of the name.
    """
    return bool(re.search(r"\w\?$", pattern)) and not has_wildcards(pattern[:-1])


def _as_glob(piece: re.Match[str]) -> str:
    escaped: str | None = piece["escaped"]
    if escaped is None:
        return piece[0]
    return f"[{escaped}]" if escaped in "*?[" else escaped

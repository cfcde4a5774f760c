"""Outside words made harmless for services whose markup is not known, or has no way to write a word literally.

An invisible character breaks each mark that could call people, lead somewhere or name a tag. Hair spaces around them
keep marks of emphasis from acting: CommonMark and the chat services that resemble it let none act between spaces.
People read the same characters; a copy of them has the invisible ones too.
"""

import re
from collections.abc import Iterable

BREAK = "\N{ZERO WIDTH SPACE}"
HAIR = "\N{HAIR SPACE}"

_OF_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[@#\N{FULLWIDTH COMMERCIAL AT}](?=\w)"), rf"\g<0>{BREAK}"),  # @name, #room
    (re.compile(r":(?=//)"), rf"\g<0>{BREAK}"),
    (re.compile(r"\bwww(?=\.)", re.IGNORECASE), rf"\g<0>{BREAK}"),
)
_BREAKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # @name, <@id>, <at>, <!here>, <users/all>, #room, [~name], [CQ:at], {template}, (met)all(met), &lt;
    (re.compile(r"[@<#\[{\N{FULLWIDTH COMMERCIAL AT}](?=\S)"), rf"\g<0>{BREAK}"),
    (re.compile(r"\((?=[a-z]{3}\))"), rf"\g<0>{BREAK}"),
    (re.compile(r"(?<!\w)[ur]/(?=\w)"), rf"\g<0>{BREAK}"),  # u/name
    (re.compile(r"&(?=#?\w+;)"), rf"\g<0>{BREAK}"),
    (re.compile(r"\](?=[(\[:])"), rf"\g<0>{BREAK}"),  # [words](address)
    (re.compile(r":(?=//|[\w+-]+:)"), rf"\g<0>{BREAK}"),  # an address, :emoji:
    (re.compile(r"\bwww(?=\.)", re.IGNORECASE), rf"\g<0>{BREAK}"),
    (re.compile(r"\b(?:mailto|tel|javascript|data)(?=:)", re.IGNORECASE), rf"\g<0>{BREAK}"),
    (re.compile(r"[*~`|]+|(?<!\w)_+|_+(?!\w)"), rf"{HAIR}\g<0>{HAIR}"),
)


def guarded(words: str) -> str:
    """Return the words with each mark that could act broken by characters that people do not see."""
    return _broken(words, _BREAKS)


def unlinked(words: str) -> str:
    """Return the words with names and addresses broken alone: for HTML, where nothing else in a text acts."""
    return _broken(words, _OF_TEXT)


def _broken(words: str, breaks: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in breaks:
        words = pattern.sub(replacement, words)
    return words

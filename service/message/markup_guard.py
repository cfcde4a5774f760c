"""Untrusted text made harmless for services whose markup is not known.

Also for services whose markup cannot write a word literally. A zero width space breaks each mark that could mention
people, make a link or name a tag. Hair spaces around marks of emphasis keep them from acting: CommonMark and the chat
services that resemble it ignore such a mark between spaces. People read the same characters; a copy of the text has the
invisible ones too.

Many services make a link of any dotted name that could be a host's. So a zero width space stands before each dot that
two letters follow, also in the name of a class, a module or a test. Only ``name.suffix`` with a suffix of source files
stays whole.
"""

import re
from collections.abc import Iterable

BREAK = "\N{ZERO WIDTH SPACE}"
HAIR = "\N{HAIR SPACE}"

# Suffixes of the files that messages name most. Some are top-level domains too (md, rs, sh, py, cc, ...): a bare host
# of such a name can still become a link, which is the price of file names that can be copied.
_SOURCE_SUFFIX = (
    "c|cc|cfg|cpp|cs|css|csv|env|ex|exs|go|gradle|h|hpp|html|ini|ipynb|java|js|json|jsx|kt|kts|lock|log|lua|m|md|mjs"
    "|mm|mod|php|pl|proto|py|pyi|rb|rs|rst|scala|scss|sh|sql|sum|swift|tf|toml|ts|tsx|txt|vue|xml|yaml|yml"
)

# The characters that IDNA (UTS 46) reads as a dot: the full stop, and the ideographic, fullwidth and halfwidth ones.
_DOTS = r"[.\u3002\uff0e\uff61]"
_LABEL = r"[^\x00-,./:-@\[-^`{-\x7f\s\u200b\u3002\uff0e\uff61]++"  # letters of any script, digits, - and _
_DOTTED_NAME = re.compile(rf"{_LABEL}(?:{_DOTS}{_LABEL})+")
_FILE_NAME = re.compile(rf"{_LABEL}\.(?:{_SOURCE_SUFFIX})", re.IGNORECASE)
_LINKING_DOT = re.compile(
    rf"{_DOTS}(?!(?<=[0-9]\.)[a-z]+[0-9])(?=(?:[^\W\d_]|[^\x00-\x7f]){{2}}|xn--)",  # not in 1.2.rc1
    re.IGNORECASE,
)

_OF_ADDRESSES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r":(?=//)"), rf"\g<0>{BREAK}"),
    (re.compile(r"\bwww(?=\.)", re.IGNORECASE), rf"\g<0>{BREAK}"),
)
_OF_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[@#\N{FULLWIDTH COMMERCIAL AT}](?=\w)"), rf"\g<0>{BREAK}"),  # @name, #room
    *_OF_ADDRESSES,
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


def guard_markup(words: str) -> str:
    """Return the words with each mark that could act broken by invisible characters."""
    return _DOTTED_NAME.sub(_guard_name, _apply(words, _BREAKS))


def guard_links(words: str) -> str:
    """Return the words with only mentions and addresses broken.

    For HTML, where no other mark in a text acts.
    """
    return _DOTTED_NAME.sub(_guard_name, _apply(words, _OF_TEXT))


def guard_hosts(words: str) -> str:
    """Return the words with only names of hosts and addresses broken.

    For services that show a text as it is, but make links in it.
    """
    return _DOTTED_NAME.sub(_guard_name, _apply(words, _OF_ADDRESSES))


def guard_hosts_visibly(words: str) -> str:
    """Return the words with spaces in names of hosts and addresses.

    For short messages: one with an invisible character has room for 70 characters in place of 160.
    """
    return guard_hosts(words).replace(BREAK, " ")


def _apply(words: str, breaks: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in breaks:
        words = pattern.sub(replacement, words)
    return words


def _guard_name(found: re.Match[str]) -> str:
    """Return a dotted name with its dots broken, or as it is if it is a source file."""
    name, words = found[0], found.string
    before, after = words[max(found.start() - 2, 0) : found.start()], words[found.end() : found.end() + 1]
    if _FILE_NAME.fullmatch(name) and after != "/" and not before.endswith(("//", "@", ".", BREAK)):
        return name
    return _LINKING_DOT.sub(rf"{BREAK}\g<0>", name)

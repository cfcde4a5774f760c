"""Text from outside: cleaning and decoding, the same at every input.

Postgres refuses NUL and UTF-8 has no lone surrogates: either of them in a payload, a query, a form, a file, a command's
arguments or an answer would fail much later, when a page is encoded or a row is written. Both become U+FFFD at every
input, so that a search for such a text finds the stored form of it.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator

MARK = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
ZERO_WIDTH_JOINER = "\N{ZERO WIDTH JOINER}"
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
MAX_SIGNS_OF_A_LETTER = 16
JOINERS = f"{ZERO_WIDTH_JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and several scripts need them
CHUNK_BYTES = 65_536  # decoded at a time: between two chunks other threads may run

# Terminal colors and window titles carry no words: CSI and OSC sequences of ECMA-48 are removed without a mark.
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")

DEFINITION_DIGITS = 8
NO_DIGITS = re.compile("[^0-9A-Za-z-]")
AMOUNT = re.compile(r"([0-9])\s*([a-z]+)\s*")
SHORT_UNITS = {
    **dict.fromkeys(["second", "seconds"], "s"),
    **dict.fromkeys(["min", "minute", "minutes"], "m"),
    **dict.fromkeys(["hour", "hours"], "h"),
    **dict.fromkeys(["day", "days"], "d"),
    **dict.fromkeys(["week", "weeks"], "w"),
}
PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*[,:;.!?]?(?!\S)")


def clean(text: str) -> str:
    """Return the text with U+FFFD in place of NUL and of lone surrogates."""
    if text.isascii():  # a cheap check that holds for nearly every text
        return text.replace("\x00", MARK) if "\x00" in text else text
    return UNSTORABLE.sub(MARK, text)


def humanize(value: str) -> str:
    """Return a snake_case value with blanks: ``put_off`` becomes put off."""
    return value.replace("_", " ")


def capitalize_first(text: str, *names: str) -> str:
    """Return a sentence with a capital letter first, if its first word is ours.

    ``roundsman.yaml``, ``acme/web``, ``max_age`` and an address stay as they are: they are names.

    names   those that the sentence may begin with, which stay as they are spelled
    """
    is_ours = PLAIN_WORD.match(text) and not any(name and text.startswith(name) for name in names)
    return text[:1].upper() + text[1:] if is_ours else text


def cut_off(text: str, length: int) -> str:
    """Return the beginning of a text, which ends before a letter of several signs.

    An accent, and what a joiner joins, are seen as one with the sign before.
    """
    end = max(length, 0)
    for _ in range(MAX_SIGNS_OF_A_LETTER):
        if not 0 < end < len(text) or not (_is_joined(text[end]) or text[end - 1] == ZERO_WIDTH_JOINER):
            return text[:end]
        end -= 1
    return text[: max(length, 0)]  # more signs than any letter has


def _is_joined(sign: str) -> bool:
    return sign == ZERO_WIDTH_JOINER or sign in SKIN_TONES or unicodedata.category(sign) in {"Mn", "Mc", "Me"}


def decode(body: bytes, limit: int | None = None) -> str:
    """Return bytes as text, with escapes for bytes that are not UTF-8.

    limit   bytes to decode, from the start; None for all of them
    """
    part = body if limit is None else body[:limit]
    return "".join(_decoded(part, is_whole=len(part) == len(body)))


def _decoded(part: bytes, *, is_whole: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    for start in range(0, len(part), CHUNK_BYTES):
        yield decoder.decode(part[start : start + CHUNK_BYTES])
    yield decoder.decode(b"", final=is_whole)  # a character that the limit cuts in two is left out


def shorten_units(text: str) -> str:
    """Return a length of time as routes have it: ``1h30m`` for ``1 h 30 min``.

    So people can type what they are shown. All other text is returned as it is, but for blanks after a number.
    """
    return AMOUNT.sub(lambda found: found[1] + SHORT_UNITS.get(found[2], found[2]), text)


def percent(share: float) -> str:
    """Return a share as ``12 %``; ``0 %`` only for none, and ``100 %`` only for all."""
    return f"{min(max(round(share * 100), 1 if share else 0), 100 if share >= 1 else 99)} %"


def definition_digits(definition: str) -> str:
    """Return the first digits of a pipeline definition's id, which tell two apart.

    CircleCI's are UUIDs; of what is none, letters and digits are left.
    """
    return NO_DIGITS.sub("", definition)[:DEFINITION_DIGITS]


def replace_control_chars(text: str) -> str:
    """Return the text with a mark for each control character, line breaks included."""
    bare = ANSI.sub("", text)
    if bare.isprintable():  # true of nearly all text; to test each letter takes fifty times as long
        return bare
    return "".join(MARK if is_control_char(letter) else letter for letter in bare)


def is_control_char(letter: str) -> bool:
    """Tell whether a letter is a control: of the screen, direction or line breaks."""
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and letter not in JOINERS


def describe_number_error(written: object, at_least: int, at_most: int | None, otherwise: object) -> str:
    """Return the end of a sentence about a value that should be a number.

    Such as ``must be a whole number from 1 to 200, not 'x'``.
    """
    limits = f"from {at_least} to {at_most}" if at_most is not None else f"of at least {at_least}"
    return f"must be a whole number {limits}, not {str(written)[:50]!a}: correct it, or leave it out for {otherwise}"

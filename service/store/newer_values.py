"""Stored words that only a newer release knows.

Such a release runs beside this one, or ran before it was taken back.
"""

from enum import StrEnum
from typing import TypeVar

Kind = TypeVar("Kind", bound=StrEnum)


def to_member(kinds: type[Kind], text: str) -> Kind:
    """Return the member of a stored word; an unknown word becomes a value of its own.

    Such a value equals no member and is shown as its word, so that one row of a newer release does not break every list
    that it is in.
    """
    try:
        return kinds(text)
    except ValueError:
        unknown = str.__new__(kinds, text)
        unknown._name_, unknown._value_ = text, text
        return unknown

"""The base of the parts of roundsman.yaml, and the context of their checks."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo

from service.config.channel_urls import SecretSources
from service.model import AUTHOR
from service.routing.patterns import to_nfc


@dataclass(frozen=True, kw_only=True)
class Context:
    """The context in which values are checked.

    receivers   the names of the receivers; None if the file's list of them cannot be read
    """

    sources: SecretSources
    receivers: tuple[str, ...] | None


def suggest(word: str, words: tuple[str, ...]) -> str:
    """Return the next step for an unknown word: the likely one, or all that are known."""
    likely = likely_words(word, words)
    return f"did you mean {likely[0]}?" if likely else f"there are {', '.join(words) or 'none'}"


def likely_words(word: str, words: tuple[str, ...]) -> list[str]:
    """Return the words that an unknown one may stand for, the likeliest first."""
    begun = [one for one in words if one.startswith(f"{word}-")]
    return begun or get_close_matches(word, words, n=1)


class Shape(BaseModel):
    """A part of the file: unknown keys are refused, and no value is shown in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def as_text(written: object) -> object:
    """Return what YAML reads as a number or a boolean as the text that it was."""
    if isinstance(written, bool):
        return str(written).lower()
    return str(written) if isinstance(written, int | float) else written


def receiver_name(name: str, info: ValidationInfo[Any]) -> str:
    """Return the name of a receiver of the file. Raises ValueError."""
    known, name = info.context.receivers, to_nfc(name)
    if known is not None and name not in known:
        raise ValueError(f"{name} is not one of the receivers; {suggest(name, known)}")
    return name


def heard_receiver_name(name: str, info: ValidationInfo[Any]) -> str:
    """Return the name of a receiver of a route; it may be reserved.

    Raises ValueError.
    """
    return name if name == AUTHOR else receiver_name(name, info)

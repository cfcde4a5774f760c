"""Words that name a person, blanked in texts and in JSON.

Names of projects, branches, workflows and the like are kept, also where they contain a person's name: pages, tracks and
routes find their rows by them.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BLANK = "forgotten"
KEPT_KEYS = frozenset({"slug", "branch", "tag", "ref", "url", "id", "type", "revision", "status"})
THINGS = frozenset({"project", "organization", "org", "workflow", "job", "jobs", "pipeline", "webhook", "tests"})
"""The keys of objects whose name is that of a thing, not of a person."""


@dataclass(kw_only=True)
class Blanker:
    """A replacement of words in values, with counts of what it did and kept.

    pattern   the words, whole and in any case
    """

    pattern: re.Pattern[str]
    blanked: int = 0
    kept: int = 0

    def in_text(self, text: str) -> str:
        """Return a text without the words."""
        new, count = self.pattern.subn(BLANK, text)
        self.blanked += count
        return new

    def in_value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return a value of JSON without the words, but for names of things."""
        match value:
            case str() if _is_kept(path):
                self.kept += len(self.pattern.findall(value))
                return value
            case str():
                return self.in_text(value)
            case list() | tuple():
                return [self.in_value(one, path) for one in value]
            case dict():
                return {key: self.in_value(one, (*path, str(key))) for key, one in value.items()}
            case _:
                return value

    def in_body(self, body: bytes) -> bytes:
        """Return the body of a delivery without the words; bytes that are no text stay."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.in_text(text).encode()
        blanked = self.blanked
        new = self.in_value(value)
        if self.blanked == blanked:
            return body
        return json.dumps(new, ensure_ascii=True, separators=(",", ":")).encode()


def _is_kept(path: tuple[str, ...]) -> bool:
    last, above = path[-1:], path[-2:-1]
    if not last:
        return False
    if last[0] in KEPT_KEYS or last[0].endswith(("_url", "_id")):
        return True
    return last[0] == "name" and bool(above) and above[0] in THINGS


def pattern_of(words: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern of words, longest first, in whichever form Unicode has them."""
    forms = {unicodedata.normalize(form, word) for word in words for form in ("NFC", "NFD")}
    either = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)

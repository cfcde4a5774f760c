"""Format the beginning of a JSON text for reading.

The text is read token by token and never decoded as a whole: the cost depends on the part shown, not on the body.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.text import clean

MAX_DEPTH = 100
TOKEN = re.compile(r'[ \t\n\r]*+(?:(?P<text>"(?:[^"\\]|\\.)*+")|(?P<word>[-+.\w]++)|(?P<sign>[][{},:]))', re.DOTALL)
WORD = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|true|false|null|NaN|-?Infinity")
BLANK = re.compile(r"[ \t\n\r]*+")
CLOSING, FIRST_EXPECTED = {"{": "}", "[": "]"}, {"{": "key", "[": "value"}


def format_beginning(text: str, limit: int) -> str:
    """Return the beginning of a JSON text, one item on each line. Raises ValueError.

    At most ``limit`` characters of the text are read, and about as many are returned. ValueError: it is not JSON.
    """
    part, is_cut = text[:limit], len(text) > limit
    pieces, size = [], 0
    for piece in _Formatter(part, is_cut=is_cut).pieces():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            break
    return "".join(pieces)


@dataclass
class _Formatter:
    """The state of one pass over the tokens of a JSON text."""

    part: str
    is_cut: bool
    open_: list[str] = field(default_factory=list)
    expected: str = "value"  # also: key, colon, comma, end
    is_first: bool = False  # the innermost bracket is still empty

    def pieces(self) -> Iterator[str]:
        """Yield the formatted text piece by piece."""
        place = 0
        while self.expected != "end":
            found = TOKEN.match(self.part, place)
            if found is None or (self.is_cut and found.end() == len(self.part)):
                self._require(self.is_cut)
                yield f"{self.part[place:]} …"  # a string may be longer than the part that is read
                return
            yield self._piece(found)
            place = found.end()
        blank = BLANK.match(self.part, place)
        self._require(self.is_cut or (blank is not None and blank.end() == len(self.part)))

    def _piece(self, found: re.Match[str]) -> str:
        token = found[found.lastgroup or 0]
        match found.lastgroup:
            case "text":
                return self._text(token)
            case "word":
                self._require(WORD.fullmatch(token) is not None)
                return self._value(token)
        match token:
            case "{" | "[":
                return self._begin(token)
            case "}" | "]":
                return self._end(token)
            case ",":
                self._require(self.expected == "comma")
                self.expected = "key" if self.open_[-1] == "{" else "value"
                return ","
        self._require(self.expected == "colon")
        self.expected = "value"
        return ": "

    def _text(self, token: str) -> str:
        shown = clean(json.dumps(json.loads(token), ensure_ascii=False))
        if self.expected != "key":
            return self._value(shown)
        piece, self.expected, self.is_first = self._new_line() + shown, "colon", False
        return piece

    def _value(self, shown: str) -> str:
        self._require(self.expected == "value")
        piece = self._line_start() + shown
        self.expected, self.is_first = "comma" if self.open_ else "end", False
        return piece

    def _begin(self, token: str) -> str:
        self._require(self.expected == "value" and len(self.open_) < MAX_DEPTH)
        piece = self._line_start() + token
        self.open_.append(token)
        self.expected, self.is_first = FIRST_EXPECTED[token], True
        return piece

    def _end(self, token: str) -> str:
        self._require(bool(self.open_) and CLOSING[self.open_[-1]] == token)
        self._require(self.is_first or self.expected == "comma")
        self.open_.pop()
        line = "" if self.is_first else self._new_line()
        self.expected, self.is_first = "comma" if self.open_ else "end", False
        return line + token

    def _line_start(self) -> str:
        """Return the text before a value: a new line in a list, else none."""
        return self._new_line() if self.open_ and self.open_[-1] == "[" else ""

    def _new_line(self) -> str:
        return "\n" + "  " * len(self.open_)

    @staticmethod
    def _require(is_json: bool) -> None:
        if not is_json:
            raise ValueError("this is not JSON")

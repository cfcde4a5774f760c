"""The filters of ``runs/search``, in CircleCI's expression language. Pure.

Source: CircleCI-Public/expr, README. It has no regular expressions and no lists.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = str | int | bool | None
WORDS = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\["\\])*")|(?P<number>-?\d+)|(?P<sign>==|!=|<=|>=|<|>|\(|\))'
    r"|(?P<name>[A-Za-z][\w-]*(?:\.[\w-]+)*))"
)
KEYWORDS = {"and", "or", "not", "true", "false", "starts-with"}
ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class WrongFilter(ValueError):
    """A filter that is not of the language, or names what is not known."""


@dataclass(frozen=True)
class Word:
    """A word of a filter, and its kind: text, number, sign, name or keyword."""

    kind: str
    word: str


def fits(filter_: str, facts: Mapping[str, Value]) -> bool:
    """Return whether facts pass a filter; an empty one passes all. Raises WrongFilter."""
    words = _read(filter_)
    return not words or _Parser(words, facts).parse()


def _read(filter_: str) -> list[Word]:
    words, at = [], 0
    while filter_[at:].strip():
        found = WORDS.match(filter_, at)
        if found is None or found.lastgroup is None:
            raise WrongFilter(f"cannot be read from character {at + 1} on")
        word = found[found.lastgroup]
        words.append(Word("keyword" if word in KEYWORDS else found.lastgroup, word))
        at = found.end()
    return words


class _Parser:
    """A parser that compares as it reads; absent facts make any comparison false."""

    def __init__(self, words: list[Word], facts: Mapping[str, Value]) -> None:
        self._words, self._facts = words, facts

    def parse(self) -> bool:
        result = self._any()
        if self._words:
            raise WrongFilter(f"has a {self._words[0].word} too many")
        return result

    def _any(self) -> bool:
        results = [self._all()]
        while self._take("or"):
            results.append(self._all())
        return any(results)

    def _all(self) -> bool:
        results = [self._negated()]
        while self._take("and"):
            results.append(self._negated())
        return all(results)

    def _negated(self) -> bool:
        if self._take("not"):
            return not self._negated()
        if self._take("("):
            result = self._any()
            if not self._take(")"):
                raise WrongFilter("lacks a )")
            return result
        return self._compared()

    def _compared(self) -> bool:
        left = self._value()
        sign = (
            self._words.pop(0).word
            if self._words and self._words[0].word in {*ORDERS, "==", "!=", "starts-with"}
            else ""
        )
        if not sign:
            return left is True
        right = self._value()
        if left is None or right is None:
            return False
        if sign in {"==", "!="}:
            return (left == right) is (sign == "==")
        if sign == "starts-with":
            return isinstance(left, str) and isinstance(right, str) and left.startswith(right)
        if not isinstance(left, int) or not isinstance(right, int):
            raise WrongFilter(f"compares by {sign} what is no number")
        return ORDERS[sign](left, right)

    def _value(self) -> Value:
        if not self._words:
            raise WrongFilter("ends too early")
        word = self._words.pop(0)
        match word.kind:
            case "text":
                return re.sub(r"\\(.)", r"\1", word.word[1:-1])
            case "number":
                return int(word.word)
            case "keyword" if word.word in {"true", "false"}:
                return word.word == "true"
            case "name" if word.word in self._facts:
                return self._facts[word.word]
        raise WrongFilter(f"has {word.word}, which is not known")

    def _take(self, word: str) -> bool:
        if self._words and self._words[0].word == word and self._words[0].kind != "text":
            self._words.pop(0)
            return True
        return False

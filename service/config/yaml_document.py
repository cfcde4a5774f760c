"""A YAML file as a tree of texts with line numbers, before it is checked.

Every scalar stays as it was written: ``1.10``, ``on`` and ``0123`` are names of branches here, not numbers.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from service.errors import BadConfig
from service.routing.patterns import to_nfc
from service.text import clean

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"
YamlPath: TypeAlias = tuple[str | int, ...]

EMPTY = '""'
_MAX_DEPTH = 8  # deeper than any valid file; it also ends an alias that contains itself
_COLON_PROBLEMS = frozenset({"mapping values are not allowed here", "could not find expected ':'"})
_HAS_COLON = re.compile(r":(\s|$)|^\s*(#|$)")
_NEEDS_QUOTES = re.compile(r"(?:^|[\s\[{,])[!*&@%`][^\s,]*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A parsed file.

    name    the file's name, for messages
    tree    None for an empty file, and where a value was left out
    lines   the line, from 1, of every key and list item, by its path
    texts   the line of every single value
    """

    name: str
    tree: Tree
    lines: Mapping[YamlPath, int]
    texts: Mapping[YamlPath, int] = field(default_factory=dict)

    def at(self, path: YamlPath) -> Tree:
        """Return the value at a path; None if there is none."""
        tree = self.tree
        for step in path:
            if isinstance(tree, dict) and isinstance(step, str):
                tree = tree.get(step)
            elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
                tree = tree[step]
            else:
                return None
        return tree

    def problem(self, path: YamlPath, claim: str) -> str:
        """Return a claim about a path, with file, line and path before it.

        Such as ``roundsman.yaml:3: route 1: receiver is missing``.
        """
        while path and isinstance(path[-1], int) and path not in self.lines:
            path = path[:-1]  # one value stood where a list may stand
        return f"{self.place(path)}: {format_path(path, self._name_of(path[:2]))} {claim}"

    def place(self, path: YamlPath) -> str:
        """Return the file and line of a path, or of the nearest one around it."""
        while path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines[path]}"

    def text_problem(self, path: YamlPath, claim: str) -> str:
        """Return the same about a single value where lines are wanted.

        Most likely its key has lost its colon, which is told with the value's line.
        """
        place = format_path(path, self._name_of(path[:2]))
        return f"{self.name}:{self.texts[path]}: {place} {claim}; here a colon is missing after the key"

    def _name_of(self, path: YamlPath) -> str | None:
        """Return the name of a route, test or digest; None if it has none."""
        if len(path) != ENTRY_LENGTH or path[0] not in _NAMED or not isinstance(path[1], int):
            return None
        entries = self.at(path[:1])
        names = [self.at((path[0], number, "name")) for number in range(len(entries or ()))]
        name = names[path[1]] if path[1] < len(names) else None
        return name if isinstance(name, str) and name and names.count(name) == 1 else None


ENTRY_LENGTH = 2  # of the path of an entry, such as a route: the section and its place
_NAMED = frozenset({"routes", "tests", "digests"})
_NOUNS = {
    "routes": "route",
    "hooks": "hook",
    "schedules": "schedule",
    "tests": "test",
    "digests": "digest",
    "budgets": "budget",
    "known_problems": "known problem",
    "projects": "project",
}


def format_path(path: YamlPath, name: str | None = None) -> str:
    """Return a path as people write it: ``route 2: match.branch``, counted from 1.

    name   of the entry that it leads through: ``route 'main is red': match.branch``
    """
    parts = [""]
    for place, step in enumerate(path):
        if isinstance(step, str):
            parts[-1] += f".{step or EMPTY}"
            continue
        noun = _NOUNS.get(parts[-1].removeprefix("."), parts[-1])
        parts[-1] = f"{noun} '{name}'" if name and place == 1 else f"{noun} {step + 1}"
        parts.append("")
    return ": ".join(part.removeprefix(".") for part in parts if part) or "the file"


def parse(name: str, text: str) -> Document:
    """Parse one YAML document; raise BadConfig with all problems at once."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        raise BadConfig(_syntax(name, text, error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadConfig(f"{name}:{line}: holds a character that YAML does not allow; remove it") from None

    reading = _TreeReader(name)
    tree = reading.tree(root, ()) if root else None
    if reading.problems:
        raise BadConfig(*dict.fromkeys(reading.problems))
    return Document(name=name, tree=tree, lines=reading.lines, texts=reading.texts)


def _syntax(name: str, text: str, error: yaml.MarkedYAMLError) -> str:
    marks = [mark for mark in (error.context_mark, error.problem_mark) if mark]
    begin, end = marks[0], marks[-1]
    passage = "\n".join(text.splitlines()[begin.line : end.line + 1])
    above = text.splitlines()[: end.line][-1:]
    if error.problem in _COLON_PROBLEMS and above and not _HAS_COLON.search(above[0]):
        return f"{name}:{end.line}: is not YAML; put a colon after the key in this line"
    if (line := _line_of_open_quote(text, error)) is not None:
        return f"{name}:{line}: is not YAML: a quote that opens here does not close in its line; close it"
    return f"{name}:{end.line + 1}:{end.column + 1}: is not YAML: {error.problem}; {_remedy(passage, error)}"


def _line_of_open_quote(text: str, error: yaml.MarkedYAMLError) -> int | None:
    """Return the line of the last quote that closes in a later line, or nowhere."""
    if error.context == "while scanning a quoted scalar" and error.context_mark:
        return int(error.context_mark.line) + 1
    found = None
    with suppress(yaml.YAMLError):  # its tokens end at the error, or before
        for token in yaml.scan(text, Loader=yaml.BaseLoader):
            is_quoted = isinstance(token, yaml.ScalarToken) and token.style in {"'", '"'}
            if is_quoted and token.start_mark.line < token.end_mark.line:
                found = token.start_mark.line + 1
    return found


def _remedy(passage: str, error: yaml.MarkedYAMLError) -> str:
    if "\t" in passage:
        return "indent with spaces, not with a tab"
    if "${" in passage and "but got '{'" in str(error.problem):
        return 'a ${...} inside [...] or {...} must stand in quotes: ["${NAME}"]'
    if _NEEDS_QUOTES.search(passage):
        return "a value that begins with one of ! * & @ % ` must stand in quotes"
    if str(error.problem).startswith("expected ',' or ") and error.context_mark:
        opened = error.context_mark.line + 1
        never = f"the bracket that opens in line {opened} never closes"
        return never if "<stream end>" in str(error.problem) else f"a comma is missing before this, or {never}"
    if str(error.problem).startswith("expected <block end>, but found '<block "):
        return "indent this line like the one above it that belongs to the same list or has the same kind of key"
    return "look for a bracket or quote that never closes, or a value with ': ' in it that needs quotes"


@dataclass
class _TreeReader:
    """A reader of the nodes of one file, which collects lines and problems."""

    name: str
    lines: dict[YamlPath, int] = field(default_factory=lambda: {(): 1})
    texts: dict[YamlPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def tree(self, node: yaml.Node, path: YamlPath) -> Tree:
        if len(path) > _MAX_DEPTH:
            self._add_problem(node, path[:2], "is nested too deep")
            return None
        if node.tag.startswith("!"):
            self._add_problem(
                node, path, "has a value that begins with !, which YAML takes for a tag; put it in quotes"
            )
        match node:
            case yaml.MappingNode():
                return {key: self.tree(value, (*path, key)) for key, value in self._entries(node, path)}
            case yaml.SequenceNode():
                return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode(value="", style=None):
                return None
            case _:
                self.texts[path] = node.start_mark.line + 1
                return clean(str(node.value))  # in quotes, YAML spells any character

    def _item(self, node: yaml.Node, path: YamlPath) -> Tree:
        self.lines[path] = node.start_mark.line + 1
        return self.tree(node, path)

    def _entries(self, node: yaml.MappingNode, path: YamlPath) -> Iterator[tuple[str, yaml.Node]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add_problem(key, path, "has a key that is not a plain word")
                continue
            name = to_nfc(clean(key.value))
            if name in first:
                self._add_problem(key, (*path, name), f"stands twice, first in line {first[name]}; keep one")
            else:
                first[name] = self.lines[*path, name] = key.start_mark.line + 1
                yield name, value

    def _add_problem(self, node: yaml.Node, path: YamlPath, claim: str) -> None:
        self.problems.append(f"{self.name}:{node.start_mark.line + 1}: {format_path(path)} {claim}")

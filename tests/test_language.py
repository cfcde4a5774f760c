"""The law of language: plain words of the field, so that each name and each first line is understood at once."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path

import service
from service.cli._command_table import COMMANDS
from tests.support.source_trees import modules

ROOT = Path(service.__file__).parent
MAX_FIRST_LINE = 80
RIDDLES = {"what", "who", "whom", "whose", "whoever", "whatever", "how", "when", "where", "nobody", "somebody"}
PRONOUNS = re.compile(r"\b(nobody|somebody|everybody|whoever|whatever)\b", re.IGNORECASE)
SUPERLATIVES = re.compile(r"_?(MOST|LONGEST|LARGEST|SHORTEST|SMALLEST)_")
BRITISH = re.compile(
    r"colour|behaviour|honour|favour|neighbour|organis|recognis|authoris|summaris|normalis|catalogue|centre\b|defence",
    re.IGNORECASE,
)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def where(path: Path, line: int) -> str:
    """Return the place of a finding as an editor opens it."""
    return f"{path.relative_to(ROOT.parent)}:{line}"


@cache
def first_lines() -> list[tuple[str, str]]:
    """Return the first line of every docstring, with its place."""
    return [
        (where(path, node.body[0].lineno), text.splitlines()[0])
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node))
    ]


def assigned() -> Iterator[tuple[str, str]]:
    """Yield the name of every function, class, argument and variable that is bound, with its place."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield where(path, node.lineno), name
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    yield where(path, node.lineno), name


def test_first_lines_fit_in_eighty_characters() -> None:
    assert [f"{place} {line}" for place, line in first_lines() if len(line) > MAX_FIRST_LINE] == []


def test_first_lines_begin_with_a_verb_or_a_noun() -> None:
    riddles = [
        f"{place} {line}" for place, line in first_lines() if re.split(r"\W+", line.lower(), maxsplit=1)[0] in RIDDLES
    ]

    assert riddles == []


def test_things_are_named_and_not_hinted_at() -> None:
    texts = [
        *modules(),
        *sorted(ROOT.rglob("templates/*.html")),
        *(ROOT.parent / page for page in ("README.md", "RELEASE.md", "CONTRIBUTING.md")),
    ]
    texts += sorted((ROOT.parent / "docs").rglob("*.md"))
    hints = [
        f"{where(path, number)} {line.strip()}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if PRONOUNS.search(line)
    ]

    assert hints == []


def test_limits_are_called_max_and_min() -> None:
    assert [f"{place} {name}" for place, name in assigned() if SUPERLATIVES.match(name)] == []


def test_spelling_is_american() -> None:
    british = [
        f"{where(path, number)} {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if BRITISH.search(line)
    ]

    assert british == []


def test_a_command_module_is_named_after_one_of_its_commands() -> None:
    modules = {path.stem for path in (ROOT / "cli").glob("*.py") if not path.stem.startswith("_")}
    named = {module for module, _, name in (place.partition(":") for place, _ in COMMANDS.values()) if module == name}

    assert modules == named


def test_values_that_machines_read_are_snake_case() -> None:
    values = []
    for path in modules():
        module = import_module(".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"))
        enums = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, StrEnum))
        values += [f"{one.__name__}: {value.value}" for one in enums for value in one if " " in value.value]

    assert sorted(set(values)) == []

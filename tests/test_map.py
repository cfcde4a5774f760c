"""The law of the map: the docstring of ``service`` says who may import whom, and this holds us to it."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import service
from tests.support.source_trees import tree

ROOT = Path(service.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
GROUPS, THIRD_PARTY = (
    [line.split() for line in table.splitlines()]
    for table in re.findall(r"(?:^    \w+ +\w.*\n?)+", service.__doc__ or "", re.MULTILINE)
)
RANK = {name: rank for rank, (_, *names) in enumerate(GROUPS) for name in names}
ALLOWED = {name: set(names) for name, *names in THIRD_PARTY}


def unit(path: Path) -> str:
    """The name on the map that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every dotted name a file imports, wherever in the file; relative ones made absolute."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.ImportFrom():
                pytest.fail(f"{path}: relative imports hide the direction; write it out")


def module_name(path: Path) -> str:
    """The dotted name by which a file is imported."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def owner(name: str, modules: set[str]) -> str:
    """The module that a dotted name is imported from: itself, or the one that defines it."""
    return name if name in modules else name.rpartition(".")[0]


def folder(name: str) -> str:
    """The package that a dotted name of a module lies in."""
    return name.rpartition(".")[0]


def test_the_map_names_every_module_and_nothing_else() -> None:
    assert {unit(path) for path in MODULES} == set(RANK)


def test_a_module_imports_only_from_groups_above_its_own() -> None:
    uphill = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        for name in (name.split(".")[1] for name in imports(path) if name.startswith("service."))
        if name in RANK and name != unit(path) and RANK[name] >= RANK[unit(path)]
    ]

    assert not uphill


def test_a_module_uses_only_the_libraries_that_the_map_grants_it() -> None:
    own = {*sys.stdlib_module_names, "service"}
    theirs = {(path, name.split(".")[0]) for path in MODULES for name in imports(path)}

    ungranted = [f"{path}: {name}" for path, name in theirs if name not in own | ALLOWED.get(unit(path), set())]

    assert not ungranted


def test_no_two_modules_lead_back_to_each_other() -> None:
    names = {module_name(path) for path in MODULES}
    needs = {module_name(path): {owner(name, names) for name in imports(path)} & names for path in MODULES}

    assert tuple(TopologicalSorter(needs).static_order())  # raises CycleError with the way around


def test_no_import_hides_behind_type_checking() -> None:
    hiding = [str(path) for path in MODULES if "TYPE_CHECKING" in path.read_text()]

    assert not hiding


def test_no_two_folders_beside_each_other_lead_back_to_each_other() -> None:
    """Modules beside the folders are exempt: the folders stand on some of them, and others join the folders."""
    names = {module_name(path) for path in MODULES}
    needs: dict[str, set[str]] = {}
    for path in MODULES:
        own = folder(module_name(path))
        others = {folder(owner(name, names)) for name in imports(path) if name.startswith(f"service.{unit(path)}.")}
        needs.setdefault(own, set()).update(other for other in others if not is_within(other, own))

    assert tuple(TopologicalSorter(needs).static_order())  # raises CycleError with the way around


def is_within(folder: str, other: str) -> bool:
    """Whether one of two folders lies in the other."""
    return f"{folder}.".startswith(f"{other}.") or f"{other}.".startswith(f"{folder}.")

"""The modules of the service as syntax trees, parsed once for all laws."""

import ast
from functools import cache
from pathlib import Path

import service

SERVICE = Path(service.__file__).parent


@cache
def modules() -> dict[Path, ast.Module]:
    """Return the tree of every module, parsed when the first test asks for it."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SERVICE.rglob("*.py"))}


def tree(path: Path) -> ast.Module:
    """Return the tree of a module of the service or of the tests."""
    return modules().get(path) or ast.parse(path.read_text(encoding="utf-8"))

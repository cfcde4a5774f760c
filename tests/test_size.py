"""The law of size: the tail matters, so no function and no module may grow past what one reading holds."""

import ast
from collections import Counter
from pathlib import Path

import service
from tests.support.source_trees import tree

ROOT = Path(service.__file__).parent.parent
FILES = [*sorted((ROOT / "service").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
MAX_LINES_OF_A_MODULE = 400
MAX_LINES_OF_A_FUNCTION = 50
MAX_MODULES_OF_A_FOLDER = 60  # the commands are as many, and are read by their names


def test_a_module_fits_in_one_sitting() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}

    assert {name: count for name, count in lines.items() if count > MAX_LINES_OF_A_MODULE} == {}


def test_a_function_fits_on_one_screen() -> None:
    lines = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: count for name, count in lines.items() if count > MAX_LINES_OF_A_FUNCTION} == {}


def test_a_listing_can_be_read() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in FILES)

    assert {str(folder): count for folder, count in counts.items() if count > MAX_MODULES_OF_A_FOLDER} == {}

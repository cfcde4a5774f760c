"""The modules that use each endpoint of CircleCI's API, read from the code."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import service
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client
from service.circleci.api.endpoints import ENDPOINTS
from service.clock import now_utc
from service.metrics import Metrics

INSTANCE = Path(service.__path__[0])
WHOLE = {"api", "_api", "admin_api", "_admin_api"}  # names of values that are the API


@cache
def uses() -> Mapping[str, tuple[str, ...]]:
    """Return the modules that call each endpoint's method, such as ``pipeline/ask_projects``, by its name."""
    areas = {name for name, part in vars(CircleCIAPI(Client(None, metrics=Metrics(), clock=now_utc))).items() if part}
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(INSTANCE.rglob("*.py")):
        module = str(path.relative_to(INSTANCE).with_suffix(""))
        for name in _names(ast.parse(path.read_text(encoding="utf-8")), WHOLE | areas):
            found[name].add(module)
    return {name: tuple(sorted(found[name])) for name in ENDPOINTS}


def _names(tree: ast.AST, owners: set[str]) -> Iterator[str]:
    """Yield the names of attributes of the API and of its areas.

    Not of an area itself on the way to an attribute of it: ``pipelines`` is one, and an endpoint has that name too.
    """
    areas = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in areas:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in (WHOLE if hasattr(dict, node.attr) else owners):  # a mapping may be named after an area
                yield node.attr

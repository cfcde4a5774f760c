"""The law of light starts: a command loads only the libraries that it needs, and the help and completion load none."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli._app import app
from service.cli._command_table import COMMANDS
from tests.support.source_trees import tree
from tests.test_map import MODULES, module_name

PATHS = {module_name(path): path for path in MODULES}
PLACES = sorted({f"service.cli.{place.partition(':')[0]}" for place, _ in COMMANDS.values()})
NEVER = {"alembic", "apprise", "authlib", "joserfc", "mcp", "procrastinate", "psycopg", "psycopg_pool", "requests"}
NEVER |= {"slack_sdk"}
"""Libraries that are loaded where they are used, by the function that uses them."""
SERVERS = {"httptools", "itsdangerous", "jinja2", "starlette", "uvicorn"}
SERVING = {
    "service.cli.serve": SERVERS,
    "service.cli.demo": SERVERS,
    "service.cli.check": {"httptools", "starlette", "uvicorn"},  # they try to listen as the server does
    "service.cli.doctor": {"httptools", "starlette", "uvicorn"},
    "service.cli.sessions": {"itsdangerous"},
}
ASKING = [
    *("backfill", "check", "demo", "doctor", "hooks", "oidc_claims", "otlp", "replay", "rerun", "routes", "schedules"),
    *("serve", "settings", "silences", "token", "trigger", "usage"),
]
"""The modules of commands that ask CircleCI, or open what does."""


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Return the dotted names that a module imports when it is loaded; none of its functions' own imports."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    waiting: list[ast.AST] = [tree(path)]
    while waiting:
        match node := waiting.pop():
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                continue
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


@cache
def libraries(name: str) -> frozenset[str]:
    """Return the libraries that are loaded with a module of ours, by all that it leads to."""
    seen, waiting = set[str](), [name]
    while waiting:
        parts = waiting.pop().split(".")
        for one in (".".join(parts[:length]) for length in range(1, len(parts) + 1)):
            if one not in seen:
                seen.add(one)
                waiting.extend(imported(PATHS[one]) if one in PATHS else ())
    return frozenset(one for one in seen if "." not in one) - {"service"}


def test_the_entry_point_loads_typer_alone() -> None:
    outside = libraries("service.cli._app") & {"asyncio", "pydantic", "rich", "sqlalchemy", "structlog", *NEVER}

    assert outside == set()


@pytest.mark.parametrize("name", PLACES)
def test_a_command_loads_only_what_it_needs(name: str) -> None:
    needed = {"httpx"} if name.rpartition(".")[2] in ASKING else set()
    loaded = libraries(name) & {"httpx", *NEVER, *SERVERS}

    assert loaded == needed | SERVING.get(name, set())


def test_sentences_of_the_table_are_those_of_the_commands() -> None:
    group: Any = typer.main.get_command(app)
    told = {name: group.get_command(None, name).get_short_help_str(1_000) for name in COMMANDS}

    assert told == {name: sentence for name, (_, sentence) in COMMANDS.items()}

"""What users can type and ask for, read from the program itself: for docs/commands.md and docs/http.md."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import typer
from starlette.routing import Route

from service.app.service import build
from service.circleci.circleci import CircleCI
from service.cli._app import app
from service.config.configuration import load
from service.metrics import Metrics
from service.operations.json_shapes import event_json
from service.operations.simulation.route_test import build_event
from tests.support.app_fixture import RED_TO_WEB, environ

PAYLOAD = Path(__file__).parents[1] / "payloads" / "circleci" / "workflow-github.json"
AN_ID = UUID("3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e")
POSTED_AS = "3888f21b-eaa7-38e3-8f3d-75a63bba8895"


def every_command() -> list[tuple[str, Any]]:
    """Every command as it is typed after ``roundsman``, and what click knows of it."""
    return list(_commands("", typer.main.get_command(app)))


def _commands(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "commands"):
            yield from _commands(f"{prefix}{name} ", command)
        else:
            yield f"{prefix}{name}", command


def every_route() -> list[tuple[str, str, str]]:
    """Every method and path that the service answers, with the sentence of whoever answers it."""
    with TemporaryDirectory() as folder:
        service = build(load(environ(Path(folder), RED_TO_WEB)))
    return [
        (method, route.path, _first_paragraph(_endpoint(route)))
        for route in service.asgi.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def _endpoint(route: Route) -> Callable[..., Any]:
    endpoint: Any = route.endpoint
    return endpoint.func if isinstance(endpoint, partial) else endpoint


def commands() -> str:
    """A chapter for each command."""
    return "\n\n".join(_chapter(name, command) for name, command in every_command())


def _chapter(name: str, command: Any) -> str:
    parts = [f"### roundsman {name}", _flowing(command.help)]
    if rows := [_parameter(parameter) for parameter in command.params if parameter.name != "help"]:
        parts.append(table(("option", "meaning"), rows))
    return "\n\n".join(parts)


def _parameter(parameter: Any) -> tuple[str, str]:
    default = f" Default: `{parameter.default}`." if parameter.default else ""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`{'' if parameter.required else ', optional'}", parameter.help
    value = "" if parameter.is_flag else f" {parameter.metavar}"
    return f"`{parameter.opts[0]}{value}`", f"{parameter.help}{default}"


def routes() -> str:
    """One row for each method and path."""
    return table(("request", "answer"), [(f"`{method} {path}`", says) for method, path, says in every_route()])


def event() -> str:
    """An event as the API tells it: the one of a recorded webhook."""
    source = CircleCI(secrets=[], url="https://circleci.com", token=None, metrics=Metrics())
    told = build_event(PAYLOAD.read_bytes(), source, {})
    told = replace(
        told, id=AN_ID, source_event_id=POSTED_AS, received_at=told.happened_at + timedelta(milliseconds=180)
    )
    return f"```json\n{json.dumps(event_json(told), indent=2)}\n```"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _first_paragraph(documented: Any) -> str:
    paragraph = (inspect.getdoc(documented) or "").partition("\n\n")[0]
    return _flowing(paragraph.partition(" Raises ")[0])


def _flowing(text: str) -> str:
    """Paragraphs without the line breaks of a source file."""
    paragraphs = inspect.cleandoc(text).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

"""Numbers as options and settings: a bad one is refused with name, value and range."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperOption

from service.cli._app import app
from service.config.settings import Settings, variable
from tests.support.cli_runner import Terminal
from tests.support.roundsman_yaml import ROUTE

WORDS = ["x", "", "-1", "1.5", "nan", "inf", "1e9", "9" * 5000, "²", "1\x1b[2J"]
NUMBERS = {name: field for name, field in Settings.model_fields.items() if field.annotation is int}


def _options(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperOption]]:
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from _options(command.get_command(context, name), (*words, name))
    yield from ((words, each) for each in command.params if isinstance(each, TyperOption) and _is_number(each))


def _is_number(option: TyperOption) -> bool:
    return isinstance(option.default, int | float) and not isinstance(option.default, bool)


OPTIONS = list(_options(typer.main.get_command(app)))


@pytest.mark.parametrize(("words", "option"), OPTIONS, ids=str)
def test_option_that_is_no_number_of_its_range_is_one_line(
    terminal: Terminal, words: tuple[str, ...], option: Any
) -> None:
    [name], low, high = option.opts, option.min, option.max
    given = [*WORDS, str(low - 1), str(high + 1)]

    for value in given:
        said = terminal.run(*words, f"{name}={value}")

        assert (said.code, said.out) == (2, "")
        claim = f"{name} must be a whole number from {low} to {high}, not {value[:50]!a}"
        assert said.err == f"{claim}: correct it, or leave it out for {option.default}\n"


def test_every_kind_of_command_with_a_number_is_tried() -> None:
    assert {option.opts[0] for _, option in OPTIONS} == {"--limit", "--port", "--quiet-hours", "--wait"}


@pytest.mark.long
@pytest.mark.parametrize("name", NUMBERS)
def test_setting_that_is_no_number_of_its_range_is_one_line(terminal: Terminal, name: str) -> None:
    limits = NUMBERS[name].metadata
    low, high = (next((getattr(limit, at) for limit in limits if hasattr(limit, at)), None) for at in ("ge", "le"))
    assert low is not None
    span = f"of at least {low}" if high is None else f"from {low} to {high}"

    (terminal.folder / "roundsman.yaml").write_text(ROUTE)
    for value in [*filter(None, WORDS), str(low - 1), *([str(high + 1)] if high else [])]:
        terminal.set(**{variable(name): value})
        said = terminal.run("routes", "check")

        assert (said.code, said.out) == (2, "")
        claim = f"{variable(name)} must be a whole number {span}, not {value[:50]!a}"
        assert said.err == f"{claim}: correct it, or leave it out for {NUMBERS[name].default}\n"

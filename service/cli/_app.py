"""The entry point of the command line.

Exit codes: 0 done, 1 a check failed or work remains, 2 wrong usage or configuration.
"""

import gc
import os
import sys
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from service.cli._ca_certificates import share_ca_certificates
from service.cli._command_table import COMMANDS
from service.cli._commands import PLAIN, Group
from service.cli._completion import Completion, accept_either_order, install_errors
from service.cli._streams import prepare_streams, read_arguments
from service.cli._usage import LONG_RUNNING, describe_usage_error, fail_without_command
from service.errors import BadConfig, BadRequest, RoundsmanError


class Commands(TyperGroup):
    """The group of all commands, which imports each when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command. Exits with the usage if there is no such command."""
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # shell completion: an error would be printed into the line
                return None
            fail_without_command(ctx, cmd_name, list(COMMANDS))
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        found = getattr(_import(f"service.cli.{module}"), name)
        group = found if isinstance(found, typer.Typer) else _single_command_app(found)
        command = typer.main.get_command(group)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and sentences of the commands, from the table alone."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, TyperCommand(name, help=sentence).get_short_help_str(room))
            for name, (_, sentence) in COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the completions of a word. Names come from the table alone."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [Completion(value=name) for name in COMMANDS if name.startswith(incomplete)]


def _import(name: str) -> ModuleType:
    """Import a module with the garbage collector off.

    What is imported is never garbage, and to look for garbage in it takes a fifth of the time of a start.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _single_command_app(function: Any) -> typer.Typer:
    app = Group()
    app.command()(function)
    return app


HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    cls=Commands,
    name="roundsman",
    no_args_is_help=True,
    suggest_commands=False,
    context_settings=HELP,
    **PLAIN | {"add_completion": True},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        import_module("service.cli.version").version()
        raise typer.Exit


@app.callback()
def roundsman(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which release this is.")
    ] = False,
) -> None:
    """Store CircleCI's webhooks, notify the right people, and explain each decision."""


def main() -> None:
    """Run the command; print a RoundsmanError as sentences, without a traceback."""
    prepare_streams()
    if LONG_RUNNING.intersection(sys.argv[1:2]):
        # before the command's libraries are imported, which takes long
        import_module("service.cli._signals").install_signal_handlers()
    try:
        sys.argv[1:] = read_arguments(sys.argv[1:])
        share_ca_certificates(os.environ)
        accept_either_order(os.environ)
        with install_errors(sys.argv[1:]):
            sys.exit(app(standalone_mode=False) or 0)
    except RoundsmanError as error:
        import_module("service.cli._output").warn(str(error).splitlines())
        sys.exit(_exit_code(error))
    except typer.Abort:
        _say_nothing_was_done()
    except RuntimeError as error:
        match error.__cause__:  # before Python 3.12, of a signal that arrives while a class is made
            case SystemExit() as ending:
                raise ending from None
            case KeyboardInterrupt():
                _say_nothing_was_done()
            case _:
                raise
    except typer.TyperException as error:
        import_module("service.cli._output").warn(describe_usage_error(error))
        sys.exit(getattr(error, "exit_code", 2))


def _say_nothing_was_done() -> None:
    import_module("service.cli._output").warn(["nothing was done"])
    sys.exit(1)


def _exit_code(error: RoundsmanError) -> int:
    """Return 2 for wrong usage or configuration, 1 for any other error."""
    is_conflict = isinstance(error, BadRequest) and error.status == HTTPStatus.CONFLICT
    return 2 if isinstance(error, BadConfig | BadRequest) and not is_conflict else 1

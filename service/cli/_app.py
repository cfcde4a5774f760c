"""The entry point of the command line, and the table of its commands.

Exit codes: 0 done, 1 a check failed or work remains, 2 wrong usage or configuration.
"""

import os
import sys
from http import HTTPStatus
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from service.cli._ca_certificates import share_ca_certificates
from service.cli._commands import PLAIN, Group
from service.cli._completion import Completion, accept_either_order, install_errors
from service.cli._signals import install_signal_handlers
from service.cli._streams import prepare_streams, read_arguments
from service.cli._usage import LONG_RUNNING, describe_usage_error, fail_without_command
from service.cli.version import version
from service.errors import BadConfig, BadRequest, RoundsmanError

COMMANDS = {
    "serve": "serve:serve",
    "web": "serve:web",
    "worker": "serve:worker",
    "migrate": "serve:migrate",
    "check": "check:check",
    "doctor": "doctor:doctor",
    "token": "token:token",
    "backup": "backup:backup",
    "audit": "audit:audit",
    "forget": "forget:forget",
    "demo": "demo:demo",
    "inbox": "demo:inbox",
    "version": "version:version",
    "events": "events:events",
    "explain": "events:explain",
    "notifications": "notifications:notifications",
    "dead-letters": "dead_letters:dead_letters",
    "refusals": "refusals:refusals",
    "backfill": "backfill:backfill",
    "holds": "holds:holds",
    "replay": "replay:replay",
    "resend": "replay:resend",
    "dismiss": "replay:dismiss",
    "login-link": "sessions:login_link",
    "link": "link:link",
    "sessions": "sessions:sessions",
    "hooks": "hooks:hooks",
    "otlp": "otlp:otlp",
    "settings": "settings:settings",
    "oidc-claims": "oidc_claims:oidc_claims",
    "schedules": "schedules:schedules",
    "rerun": "rerun:rerun",
    "cancel": "rerun:cancel",
    "approve": "rerun:approve",
    "trigger": "trigger:trigger",
    "routes": "routes:routes",
    "receivers": "receivers:receivers",
    "silences": "silences:silences",
    "known-problems": "known_problems:known_problems",
    "status": "status:status",
    "incidents": "incidents:incidents",
    "tests": "tests:tests",
    "insights": "insights:insights",
    "usage": "usage:usage",
    "mcp": "mcp:mcp",
}
"""Module and name of each command.

A command is imported when it is called, together with the libraries that it needs.
"""


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
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"service.cli.{module}"), name)
        group = found if isinstance(found, typer.Typer) else _single_command_app(found)
        command = typer.main.get_command(group)
        command.name = cmd_name
        return command

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the completions of a word.

        Names come from the table alone: importing every command takes a second.
        """
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [Completion(value=name) for name in COMMANDS if name.startswith(incomplete)]


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
        version()
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
        install_signal_handlers()  # before the command's libraries are imported, which takes long
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
        import_module("service.cli._output").warn(["nothing was done"])
        sys.exit(1)
    except typer.TyperException as error:
        import_module("service.cli._output").warn(describe_usage_error(error))
        sys.exit(getattr(error, "exit_code", 2))


def _exit_code(error: RoundsmanError) -> int:
    """Return 2 for wrong usage or configuration, 1 for any other error."""
    is_conflict = isinstance(error, BadRequest) and error.status == HTTPStatus.CONFLICT
    return 2 if isinstance(error, BadConfig | BadRequest) and not is_conflict else 1

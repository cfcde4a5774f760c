"""The command line. Exit codes: 0 done, 1 a check failed or work remains, 2 wrong usage or configuration."""

import sys

import typer

from service.cli import acting, checking, hooking, looking, routing, serving
from service.errors import BadConfig, BadRequest, RoundsmanError

app = typer.Typer(
    name="roundsman",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich's frames say <bool> after every flag, and cost half the width
    help="Keeps every CircleCI webhook, finds out what happened, tells the right people, and can say why.",
)

app.command()(serving.serve)
app.command()(serving.web)
app.command()(serving.worker)
app.command()(serving.migrate)
app.command()(checking.check)
app.command()(checking.demo)
app.command()(checking.inbox)
app.command()(checking.version)
app.add_typer(looking.events, name="events")
app.command()(looking.explain)
app.command("dead-letters")(looking.dead_letters)
app.command()(acting.replay)
app.command()(acting.resend)
app.command()(acting.dismiss)
app.add_typer(hooking.hooks, name="hooks")
app.add_typer(routing.routes, name="routes")


def main() -> None:
    """Run the command that was asked for; an error of ours is one sentence for each problem, not a traceback."""
    try:
        app()
    except (BadConfig, BadRequest) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except RoundsmanError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)

"""Commands for trying Roundsman out: demo, inbox."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli._output import console, say
from service.demo import stage
from service.testing.inbox import Inbox
from service.web.server.server import listen, serving, shutdown_event


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself after the day, with a summary.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="NUMBER", help="Where the pages are; 0: any free one.")
    ] = 8000,
    folder: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where to keep its data; if not given, a temporary folder.")
    ] = None,
) -> None:
    """Show an invented organization's day in a minute.

    A fake CircleCI, the real service and an inbox, each a real server on this machine. Needs no settings, and
    nothing leaves the machine. With --once, exit code 1 when not all came out as the script says.
    """
    raise typer.Exit(asyncio.run(stage.run(once=once, port=port, folder=folder)))


def inbox(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="NUMBER", help="Where to listen; 0: any free one.")
    ] = 9000,
) -> None:
    """Print what arrives at json://127.0.0.1:9000/NAME.

    A channel to try routes and messages with. Runs until Ctrl-C; it listens on this machine only and keeps nothing.
    """
    asyncio.run(_print_what_arrives(port))


async def _print_what_arrives(port: int) -> None:
    asked = shutdown_event()
    listener = listen("127.0.0.1", port, next_step="name one that is free with --port")
    async with serving(Inbox(console).app, listener) as where:
        say(f"a channel that leads here: json://{where.removeprefix('http://')}/NAME")
        await asked.wait()

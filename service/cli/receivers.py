"""Commands that test receivers: receivers test."""

import asyncio
import os
from dataclasses import asdict
from typing import Annotated

import typer

from service.channels import AppriseChannels
from service.cli._commands import Group
from service.cli._output import AsJson, print_json, say
from service.cli._values import complete_receiver
from service.config.configuration import Config, load
from service.operations.checks.receiver_test import ChannelTest, send_test

receivers = Group("Try receivers out.")


@receivers.callback()
def _group() -> None:
    pass


@receivers.command("test")
def try_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A receiver of roundsman.yaml.", autocompletion=complete_receiver)
    ],
    as_json: AsJson = False,
) -> None:
    """Send a test message to each channel, show the answers.

    The message says that it is a test, and each channel of the receiver gets one; nothing of it is put on record.
    Exit code 1 when a channel refused it.
    """
    config = load(os.environ, serving=False)
    trials = asyncio.run(_send_tests(config, name))
    if as_json:
        print_json({"receiver": name, "channels": [asdict(trial) for trial in trials]})
    else:
        _print(trials)
    if not all(trial.accepted for trial in trials):
        raise typer.Exit(1)


async def _send_tests(config: Config, name: str) -> list[ChannelTest]:
    channels = AppriseChannels(slack_url=config.settings.slack_url)
    try:
        return await send_test(config.receivers, name, channels)
    finally:
        await channels.close(grace_s=0)


def _print(trials: list[ChannelTest]) -> None:
    for trial in trials:
        say(f"{'ok' if trial.accepted else 'refused':<7}  {trial.answer}", "green" if trial.accepted else "red")

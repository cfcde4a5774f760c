"""The command for signed addresses: link."""

import os
from typing import Annotated

import typer

from service.cli._output import AsJson, print_address, print_json
from service.config.env import load_settings
from service.config.setting_values import SECRET_ADVICE
from service.errors import BadConfig
from service.web.auth.signed_addresses import AddressSigner


def link(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Such as '/feed.atom?branch=main' or /badge/acme/web.svg.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the address of a feed or badge with its key.

    The key opens exactly this address, path and query, to all who have it, and nothing else. It is made with
    ROUNDSMAN_READ_TOKEN, and a new read token makes every key invalid.
    """
    settings = load_settings(os.environ, serving=False)
    if settings.read_token is None:
        raise BadConfig(
            "ROUNDSMAN_READ_TOKEN is not set, and the keys of addresses are made with it: set it to what the running "
            f"service has; {SECRET_ADVICE}"
        )
    signed = settings.address + AddressSigner(settings.read_token).sign(address)
    print_json({"link": signed}) if as_json else print_address(signed)

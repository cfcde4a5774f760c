"""The name of the operator who types a command, for the record."""

import getpass
import os

from service.text import clean

MAX_NAME = 100


def operator() -> str:
    """Return the name that is kept with an operator's act."""
    return f"command line, {user_name()}"


def user_name() -> str:
    """Return the name of the account that types; with sudo, of the one before it too."""
    behind, own = clean(os.environ.get("SUDO_USER", ""))[:MAX_NAME], _account()
    return f"{behind} as {own}" if behind and behind != own else own


def _account() -> str:
    try:
        return clean(getpass.getuser())[:MAX_NAME]
    except (KeyError, OSError):  # a container's user id often has no name
        return f"user {os.getuid()}"

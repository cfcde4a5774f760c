"""Shell completion.

Names are completed without importing the commands' modules; a home folder that cannot be written is one sentence.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import RoundsmanError

VARIABLE = "_ROUNDSMAN_COMPLETE"
INSTALL = "--install-completion"
SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A word that completes the line."""

    value: str
    help: str | None = None
    type: str = "plain"


def accept_either_order(environ: MutableMapping[str, str]) -> None:
    """Accept ``bash_source``, as Click spells it, for Typer's ``source_bash``."""
    shell, _, action = environ.get(VARIABLE, "").partition("_")
    if shell in SHELLS and action == "source":
        environ[VARIABLE] = f"{action}_{shell}"


@contextmanager
def install_errors(arguments: Sequence[str]) -> Iterator[None]:
    """Raise RoundsmanError if installing completion cannot read or write a file."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        if INSTALL not in arguments:
            raise
        instead = "`roundsman --show-completion` prints it, for you to put in place"
        raise RoundsmanError(f"completion cannot be installed: {error}; {instead}") from error

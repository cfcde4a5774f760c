"""Completion in a shell: the commands' names without their modules, and a home folder that cannot be written."""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import RoundsmanError

VARIABLE = "_ROUNDSMAN_COMPLETE"
INSTALL = "--install-completion"
SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A word that a line may go on with."""

    value: str
    help: str | None = None
    type: str = "plain"


def accept_either_order(environ: MutableMapping[str, str]) -> None:
    """Have ``bash_source`` mean ``source_bash``: the libraries for commands differ in this, and so do habits."""
    shell, _, action = environ.get(VARIABLE, "").partition("_")
    if shell in SHELLS and action == "source":
        environ[VARIABLE] = f"{action}_{shell}"


@contextmanager
def install_errors(arguments: Sequence[str]) -> Iterator[None]:
    """Raise RoundsmanError where completion is to be installed and the shell's files cannot be read or written."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        if INSTALL not in arguments:
            raise
        instead = "`roundsman --show-completion` prints it, for you to put in place"
        raise RoundsmanError(f"completion cannot be installed: {error}; {instead}") from error

"""Usage errors in sentences: what is wrong, and the next step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup

LONG_RUNNING = frozenset({"serve", "web", "worker"})
SETTINGS = "settings come from the environment, such as ROUNDSMAN_PORT: docs/configuration.md"
LIBRARY = "Value error, "
"""The beginning of pydantic's messages, which Typer passes on."""


class CommandGroup(TyperGroup):
    """A group that names a command near to one that it does not have."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command. Exits with the usage if there is no such command."""
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:
            fail_without_command(ctx, cmd_name, self.list_commands(ctx))
        return found


def fail_without_command(ctx: Any, written: str, names: Sequence[str]) -> None:
    """Exit with the usage: there is no command of this name."""
    likely = get_close_matches(written, names, n=1)
    ctx.fail(f"there is no command '{written}'{f'; did you mean {likely[0]}?' if likely else ''}")


def describe_usage_error(error: Any) -> Iterator[str]:
    """Yield the lines that tell a usage error: the usage, then what is wrong."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        yield from context.get_help().splitlines()
        return
    sentence = SENTENCES.get(type(error).__name__, _message)(error)
    if context is None:
        yield sentence
        return
    yield context.get_usage()
    if context.command.name in LONG_RUNNING:
        sentence = f"{sentence.partition('; ')[0]}; {SETTINGS}"
    yield sentence if sentence.endswith("?") else f"{sentence}; `{context.command_path} --help` says more"


def _message(error: Any) -> str:
    return str(error.format_message()).rstrip(".")


def _no_such_option(error: Any) -> str:
    options = {
        option.lstrip("-"): option for one in error.ctx.command.params for option in one.opts if option[:1] == "-"
    }
    likely = get_close_matches(error.option_name.lstrip("-"), options, n=1)
    hint = f"; did you mean {options[likely[0]]}?" if likely else _alone(error)
    return f"there is no option {error.option_name}{hint}"


def _alone(error: Any) -> str:
    """Return the hint at an argument of the option's name."""
    arguments = [one.metavar for one in error.ctx.command.params if one.param_type_name == "argument"]
    wanted = error.option_name.lstrip("-").upper()
    return f"; write {wanted} alone: `{error.ctx.command_path} {wanted}`" if wanted in arguments else ""


def _missing(error: Any) -> str:
    return f"{_name(error.param)} is missing: {_help(error.param)}"


def _without_value(error: Any) -> str:
    return f"{error.option_name} has no value; write one behind it"


def _bad_value(error: Any) -> str:
    return f"{_name(error.param)}: {error.message.removeprefix(LIBRARY).rstrip('.')}"


def _name(parameter: Any) -> str:
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar)


def _help(parameter: Any) -> str:
    sentence = str(parameter.help).rstrip(".")
    return f"{sentence[0].lower()}{sentence[1:]}"


SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "NoSuchOption": _no_such_option,
    "MissingParameter": _missing,
    "BadOptionUsage": _without_value,
    "BadParameter": _bad_value,
}
"""The sentence for each class of Typer's usage errors, by its name: the classes themselves are private."""

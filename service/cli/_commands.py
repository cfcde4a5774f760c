"""The classes of commands and command groups.

Help is plain text. An option with one value may be given once, and a number must be in its range.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

from service.cli._usage import CommandGroup
from service.errors import BadConfig
from service.text import describe_number_error

PLAIN: dict[str, Any] = {  # plain help: rich's frames say <bool> after every flag, and cost half the width
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


NUMBER_RANGE = re.compile(r"(\d+)<=x<=(\d+)")

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command that refuses a repeated option; Typer would ignore all but one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Exits with the usage if they are wrong."""
        given: dict[str, Any] = {}
        try:
            if args and not ctx.resilient_parsing:
                given = self._check(ctx, args)
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if (option := _number_option(error.param)) is None:
                raise
            limits = (option.min, option.max)
            raise BadConfig(
                f"{option.opts[0]} {describe_number_error(given.get(option.name or ''), *limits, option.default)}"
            ) from None
        except typer.TyperException as error:
            if getattr(error, "ctx", ctx) is None:  # an option without its value is raised without one
                vars(error)["ctx"] = ctx
            raise

    def _check(self, ctx: Any, args: list[str]) -> dict[str, Any]:
        """Return the values of options and arguments as written.

        Exits with the usage for an option of one value that is repeated, and for a word too many.
        """
        given, rest, found = self.make_parser(ctx).parse_args(args=list(args))
        for option, count in Counter(one for one in found if isinstance(one, TyperOption)).items():
            if count > 1 and not option.is_flag and not option.multiple:
                ctx.fail(f"option {option.opts[0]} stands {count} times; give it once")
        if rest and not any(one.name == "help" for one in found):
            ctx.fail(f"'{rest[0]}' is one word too many")
        return dict(given)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line: ``FILE`` is required, ``[FILE]`` is not."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, without the types of Python."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            records = [_record(ctx, one) for one in self.get_params(ctx) if one.param_type_name == kind]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _record(ctx: Any, parameter: Any) -> tuple[str, str]:
    """Return an argument or option as it is written, and its sentence."""
    if parameter.param_type_name == "argument":
        return parameter.metavar, parameter.help
    name, sentence = parameter.get_help_record(ctx)
    return name, NUMBER_RANGE.sub(r"\1 to \2", sentence)


def _number_option(parameter: Any) -> Any:
    """Return the parameter if it is an option of a number with a range, else None."""
    return parameter if isinstance(parameter, TyperOption) and parameter.max is not None else None


class Group(typer.Typer):
    """A group of commands of the class above."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(
            cls=CommandGroup,
            no_args_is_help=sentence is not None,
            help=sentence,
            suggest_commands=False,  # the group above does
            **PLAIN,
        )

    def command(self, name: str | None = None, **how: Any) -> Callable[[Function], Function]:
        """Add a function as a command."""
        return super().command(name, **{"cls": Command} | how)

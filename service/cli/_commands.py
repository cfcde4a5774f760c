"""The classes of commands and command groups.

Help is plain text. An option with one value may be given once, and a number must be in its range.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

from service.config.settings import describe_number_error
from service.errors import BadConfig

PLAIN: dict[str, Any] = {  # plain help: rich's frames say <bool> after every flag, and cost half the width
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command that refuses a repeated option; Typer would ignore all but one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. Exits with the usage if they are wrong."""
        given: dict[str, Any] = {}
        if args and not ctx.resilient_parsing:
            given, _, found = self.make_parser(ctx).parse_args(args=list(args))
            for option, count in Counter(one for one in found if isinstance(one, TyperOption)).items():
                if count > 1 and not option.is_flag and not option.multiple:
                    ctx.fail(f"Option '{option.opts[0]}' stands {count} times; give it once.")
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if (option := _number_option(error.param)) is None:
                raise
            limits = (option.min, option.max)
            raise BadConfig(
                f"{option.opts[0]} {describe_number_error(given.get(option.name or ''), *limits, option.default)}"
            ) from None


def _number_option(parameter: Any) -> Any:
    """Return the parameter if it is an option of a number with a range, else None."""
    return parameter if isinstance(parameter, TyperOption) and parameter.max is not None else None


class Group(typer.Typer):
    """A group of commands of the class above."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(no_args_is_help=sentence is not None, help=sentence, **PLAIN)

    def command(self, name: str | None = None, **how: Any) -> Callable[[Function], Function]:
        """Add a function as a command."""
        return super().command(name, **{"cls": Command} | how)

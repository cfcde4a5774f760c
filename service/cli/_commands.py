"""Groups and commands of the command line: plain help, and each option of one value given once."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

PLAIN: dict[str, Any] = {  # plain help: rich's frames say <bool> after every flag, and cost half the width
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command that refuses an option of one value given twice: one of the two would be ignored without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. Ends with the usage when they are wrong."""
        if args and not ctx.resilient_parsing:
            _, _, found = self.make_parser(ctx).parse_args(args=list(args))
            for option, count in Counter(one for one in found if isinstance(one, TyperOption)).items():
                if count > 1 and not option.is_flag and not option.multiple:
                    ctx.fail(f"Option '{option.opts[0]}' stands {count} times; give it once.")
        return super().parse_args(ctx, args)


class Group(typer.Typer):
    """A group of such commands."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(no_args_is_help=sentence is not None, help=sentence, **PLAIN)

    def command(self, name: str | None = None, **how: Any) -> Callable[[Function], Function]:
        """Add a function as a command."""
        return super().command(name, **{"cls": Command} | how)

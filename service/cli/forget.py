"""The command that blanks the fields which name a person: forget."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from service.cli._database import with_store
from service.cli._operator import operator
from service.cli._output import AsJson, print_json, say, warn
from service.cli._subjects import confirm
from service.config.settings import Settings
from service.db.database import Store
from service.operations import forget as operations
from service.store.upkeep.forgetting import Forgotten
from service.text import humanize

REST = (
    "not changed: backups, exports, logs, and messages that channels have; "
    "roundsman.yaml; CircleCI and the repositories"
)

PLAIN = {"names": "suggested names", "actions": "acts", "guard_changes": "changes of settings"}
SINGULARS = {
    "deliveries": "delivery",
    "details": "set of details",
    "changes of settings": "change of settings",
}

Person = Annotated[
    list[str],
    typer.Argument(metavar="PERSON", help="Each login, name and email address of one person.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def forget(person: Person, yes: Yes = False, as_json: AsJson = False) -> None:
    """Blank the fields that name a person, and seal that.

    Words are matched whole, in any case. Names of projects, branches and the like stay, also with a person's name in
    them; how many is said. It cannot be undone.
    """
    found = with_store(lambda _, store: operations.find(store, person))
    if not found.blanked.total() and not found.deleted.total():
        _print(found, as_json, verb="to blank")
        return
    if not as_json:
        _print(found, as_json, verb="to blank")
    confirm("Blank these for good?", is_confirmed=yes)

    async def do(_: Settings, store: Store) -> Forgotten:
        return await operations.forget(store, person, who=operator(), at=store.clock())

    done = with_store(do)
    if not as_json and done == found and not done.refused:
        say(f"blanked: all of that, {done.blanked.total()} in all")
    else:
        _print(done, as_json, verb="blanked")
    if not as_json:
        say(REST)
    if done.refused:
        raise typer.Exit(1)


def _print(found: Forgotten, as_json: bool, *, verb: str) -> None:
    shape = operations.to_json(found)
    if as_json:
        print_json(shape)
        return
    say(f"{verb}: {_counted(shape['blanked'])}")
    if shape["deleted"]:
        say(f"deleted as a whole: {_counted(shape['deleted'])}")
    if shape["left"]:
        say(f"left as they are, names of things: {_counted(shape['left'])}")
    warn(f"{row} was changed by hand before, and is left: `roundsman audit verify`" for row in shape["refused"])


def _counted(counts: Mapping[str, Any]) -> str:
    """Return counts with the names of what they count."""
    return ", ".join(f"{count} {_noun(name, count)}" for name, count in counts.items()) or "nothing"


def _noun(table: str, count: int) -> str:
    name = PLAIN.get(table, humanize(table))
    return name if count != 1 or "." in name else SINGULARS.get(name, name.removesuffix("s"))

"""The commands for the audit chain: audit verify, audit export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._output import AsJson, print_json, say, warn
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadRequest
from service.operations.audit import VERIFIER, export, verify
from service.seal_chain import count_of, read_kept, sentences

audit = Group("Verify the record by its seals, or export it with them.")

Against = Annotated[
    Path | None,
    typer.Option(metavar="SEALS", help="A file with seals that were kept elsewhere: messages, or lines of JSON."),
]
Target = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A new folder, or a new file that ends in .tar.gz.", show_default=False)
]


@audit.command("verify")
def verify_chain(against: Against = None, as_json: AsJson = False) -> None:
    """Name each row changed, removed or inserted by hand.

    Exit code 1 if there is one. Who can write the database can also make new seals, or remove the newest: only a
    comparison with seals kept elsewhere finds that. A row inserted with a time of the last hour is doubtful until the
    next seal, and covered then.
    """
    kept = _read_seals(against) if against else {}

    async def do(_: Settings, store: Store) -> dict[str, Any]:
        return await store.snapshot(verify, kept)

    _end(with_store(do), as_json)


@audit.command("export")
def export_chain(folder: Target, as_json: AsJson = False) -> None:
    """Write all rows and seals, with a program to verify them.

    The program needs Python alone: python3 -I -S FOLDER/verify_audit.py. Bodies of webhooks are in it as they came.
    """

    async def do(_: Settings, store: Store) -> dict[str, Any]:
        return await store.snapshot(export, folder.absolute())

    report = with_store(do)
    if not as_json:
        say(f"{folder} has {count_of(report['rows'].get('all', 0), 'row')}; {VERIFIER} in it verifies them")
    _end(report, as_json)


def _read_seals(file: Path) -> dict[int, str]:
    try:
        kept = read_kept(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read: {error}") from error
    if not kept:
        raise BadRequest(f"{file} has no seals; give the messages of a channel as text, or the file of seals")
    return kept


def _end(report: dict[str, Any], as_json: bool) -> None:
    """Print a report; exit with 1 where something was found."""
    if as_json:
        print_json(report)
    else:
        found = len(report["findings"])
        said = sentences(report)
        warn(said[:found])
        for sentence in said[found:]:
            say(sentence)
    if not report["ok"]:
        raise typer.Exit(1)

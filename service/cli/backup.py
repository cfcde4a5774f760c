"""The command that copies the database while the service runs: backup."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from service.cli._output import AsJson, print_json, say
from service.config.env import load_settings
from service.db.backup import back_up, without_password
from service.db.data_folder import database_file, file_exists, require_database
from service.errors import BadConfig, BadRequest

Target = Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")]


def backup(file: Target, force: Force = False, as_json: AsJson = False) -> None:
    """Copy the SQLite database, also beside a running service.

    The copy is one moment's, checked for damage, and readable by its owner alone. Postgres has a tool of its own,
    pg_dump: the command says how to call it.
    """
    database_url = load_settings(os.environ).database_url
    database = database_file(database_url)
    if database is None:
        place = f"--file={shlex.quote(str(file))} --dbname={shlex.quote(without_password(database_url))}"
        raise BadConfig(f"Postgres is backed up by its own tool, also beside a running service: pg_dump -Fc {place}")
    require_database(database)
    if file.is_dir():
        raise BadRequest(f"{file} is a folder; name a file in it")
    if file_exists(file) and not force:
        raise BadRequest(f"{file} exists; name another file, or say --force")
    size = back_up(database, file.absolute())
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        say(f"{file} is a whole copy of {database}: {size / 1_000_000:.1f} MB, integrity ok")

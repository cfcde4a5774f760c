"""The check of Postgres at the start of a process: reachable, and accessible."""

import re

from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError, OperationalError

from service.db.database import make_engine
from service.db.errors import driver_message
from service.db.revisions import read_revision
from service.errors import BadConfig, Temporary

# libpq gives a refused connection no SQLSTATE, only the server's message; one in another language counts as temporary
_REFUSALS = re.compile(
    r"authentication failed|no password supplied|is not permitted to log in|pg_hba\.conf|permission denied"
    r"|(role|database) \".*\" does not exist|SSL was required|certificate|private key file"
    r"|invalid \S+ value|invalid port number|definition of service|service file|could not parse network address",
    re.IGNORECASE,
)


def look_up_revision(database_url: str) -> str | None:
    """Return the revision of a Postgres database's schema. Blocks.

    None before the first migration. Raises Temporary while the server cannot be reached, which may pass; BadConfig when
    it refuses the connection, which does not.
    """
    engine = make_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return read_revision(connection)
    except OperationalError as error:
        reason = driver_message(error.orig)
        if _REFUSALS.search(reason):
            raise BadConfig(f"Postgres does not let us in: {reason}; correct ROUNDSMAN_DATABASE_URL") from error
        raise Temporary(f"Postgres is not there: {reason}") from error
    except DBAPIError as error:
        reason = driver_message(error.orig)
        raise BadConfig(f"ROUNDSMAN_DATABASE_URL does not lead to a database of Roundsman's: {reason}") from error

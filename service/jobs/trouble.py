"""The job engine's trouble with its database, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from procrastinate.exceptions import ConnectorException

from service.errors import Temporary


@contextmanager
def translated() -> Iterator[None]:
    """Raise Temporary where Procrastinate cannot reach the database, or is thrown out of it."""
    try:
        yield
    except ConnectorException as error:
        raise Temporary(f"the database does not serve the job engine now: {error.__cause__ or error}") from error

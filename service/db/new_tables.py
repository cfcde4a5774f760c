"""The tables of a database that lives as long as a command.

They are made at once, and not by migrations, and equal what those make, but for the index of search terms: nothing
searches there.
"""

from service.db.data_folder import create_private_file, database_file
from service.db.database import make_engine
from service.db.tables import metadata


def create_tables(database_url: str) -> None:
    """Create all tables in an empty database. Blocks."""
    file = database_file(database_url)
    if file is not None:
        create_private_file(file)
    engine = make_engine(database_url)
    try:
        metadata.create_all(engine)
    finally:
        engine.dispose()

"""How we connect to Postgres: one that has gone away is known to be away within seconds, and so are we.

A network that swallows packets, as it may after a fail-over, ends no connection by itself: the kernel takes a quarter
of an hour to say that nobody answers, and the server keeps the locks of a machine that is gone for two hours.
"""

import os
from urllib.parse import parse_qsl

# What our kernel is asked to notice. Source: PostgreSQL documentation, "Parameter Key Words" of libpq.
NOTICING = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # in milliseconds
}

# What the server is asked to notice. Source: PostgreSQL documentation, "Connections and Authentication".
NOTICED = {
    "idle_in_transaction_session_timeout": 15_000,  # in milliseconds; nothing of ours waits within a transaction
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}


# What changes how values are read and written, whatever the server, the database or the role says of them. Who may
# write, and in which schema the tables are, is left to the operator: default_transaction_read_only and search_path.
READING = {
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": 1,
    "standard_conforming_strings": "on",
    "default_transaction_isolation": r"read\ committed",
}


# libpq sends these after our options, so that they would win. Source: "Environment Variables" of libpq.
OVERRIDING = ("PGDATESTYLE", "PGTZ")


def connection_parameters(database_url: str, **settings: int) -> dict[str, int | str]:
    """Return what every connection to an address is opened with, as libpq's parameters.

    settings   more of them for the server; what the address itself has under ``options`` comes first, so that ours win

    Takes the variables out of the environment that would win over them.
    """
    for name in OVERRIDING:
        os.environ.pop(name, None)
    ours = (f"-c {name}={value}" for name, value in {**NOTICED, **READING, **settings}.items())
    options = " ".join([*_options_of(database_url), *ours])
    return {**NOTICING, "client_encoding": "utf8", "options": options}


def _options_of(database_url: str) -> list[str]:
    query = database_url.partition("?")[2]
    return [value for name, value in parse_qsl(query.replace("+", "%2B")) if name == "options"]

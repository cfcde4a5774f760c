"""Connection parameters for Postgres: a dead peer is noticed within seconds.

A network that drops packets, as it may after a fail-over, closes no connection: the kernel takes a quarter of an hour
to report that the server does not answer, and the server keeps the locks of a dead machine for two hours.
"""

import os
from urllib.parse import parse_qsl

# How soon the client notices a dead server. Source: PostgreSQL documentation, "Parameter Key Words" of libpq.
CLIENT_TIMEOUTS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # in milliseconds
}

# How soon the server notices a dead client. Source: PostgreSQL documentation, "Connections and Authentication".
SERVER_TIMEOUTS = {
    "idle_in_transaction_session_timeout": 15_000,  # in milliseconds; no code of ours waits within a transaction
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}


# The formats of values, set for each connection so that defaults of the server, the database or the role do not apply.
# Two settings are left to the operator: default_transaction_read_only and search_path.
VALUE_FORMATS = {
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": 1,
    "standard_conforming_strings": "on",
    "default_transaction_isolation": r"read\ committed",
}


# libpq sends these after the options, and the later value applies. Source: "Environment Variables" of libpq.
CONFLICTING_VARIABLES = ("PGDATESTYLE", "PGTZ")


def connection_parameters(database_url: str, **settings: int | str) -> dict[str, int | str]:
    """Return libpq's parameters for every connection to an address.

    settings   further settings for the server; the address's own ``options`` come first, so that ours override them

    Removes the ``CONFLICTING_VARIABLES`` from the environment of this process.
    """
    for name in CONFLICTING_VARIABLES:
        os.environ.pop(name, None)
    ours = (f"-c {name}={value}" for name, value in {**SERVER_TIMEOUTS, **VALUE_FORMATS, **settings}.items())
    options = " ".join([*_options_of(database_url), *ours])
    return {**CLIENT_TIMEOUTS, "client_encoding": "utf8", "options": options}


def _options_of(database_url: str) -> list[str]:
    query = database_url.partition("?")[2]
    return [value for name, value in parse_qsl(query.replace("+", "%2B")) if name == "options"]

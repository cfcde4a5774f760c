"""How we connect to Postgres: one that has gone away is known to be away within seconds, and so are we.

A network that swallows packets, as it may after a fail-over, ends no connection by itself: the kernel takes a quarter
of an hour to say that nobody answers, and the server keeps the locks of a machine that is gone for two hours.
"""

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


def connecting(**settings: int) -> dict[str, int | str]:
    """What every connection is opened with, as libpq's parameters; with more settings for the server, if any."""
    said = (f"-c {name}={value}" for name, value in {**NOTICED, **settings}.items())
    return {**NOTICING, "options": " ".join(said)}

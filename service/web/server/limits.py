"""The limits of the HTTP server: request size, time and number of connections."""

import resource
from dataclasses import dataclass

MAX_CONNECTIONS = 1_000
MAX_DESCRIPTORS = 65_536  # a hard limit may be 10**9, and some programs that we start walk through all descriptors
RESERVED_DESCRIPTORS = 200  # for the database, calls to CircleCI and channels, files


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server.

    max_head_bytes    the request line and all header fields together
    max_pipelined     requests of one connection that may wait while another is answered
    head_timeout_s    from the first byte, or from the connection's beginning, until the head is complete
    body_timeout_s    from the end of the head until the body is complete
    idle_timeout_s    between two requests: longer than the 60 s of common load balancers, so that they close first
    stall_timeout_s   until the client has taken at least ``min_sent_bytes`` more of a response
    linger_s          a connection that we close is still read for this long, so that its client gets the response
    max_per_client    connections, or requests through a proxy, of one address
    """

    max_head_bytes: int = 65_536
    max_url_bytes: int = 16_384
    max_headers: int = 100
    max_cookie_bytes: int = 16_384
    max_pipelined: int = 8
    head_timeout_s: float = 10
    body_timeout_s: float = 10
    idle_timeout_s: int = 75
    stall_timeout_s: float = 30
    min_sent_bytes: int = 32_768
    linger_s: float = 2
    max_linger_bytes: int = 16 * 2**20
    max_connections: int = MAX_CONNECTIONS
    max_per_client: int = 250


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def max_connections(descriptors: int) -> int:
    """Return the most connections that leave enough descriptors for all other uses."""
    return min(MAX_CONNECTIONS, max(descriptors - RESERVED_DESCRIPTORS, descriptors // 4))

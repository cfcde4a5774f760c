"""Trusted proxies: the only peers whose X-Forwarded-* headers are believed."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PEER = "roundsman.peer"
"""The key of the scope with the address of the proxy that sent a request."""

MAX_HOPS = 32
MAX_HOST_CHARACTERS = 64
_Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class TrustedProxies:
    """The networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._trusts = lru_cache(4_096)(self._is_in_networks)

    def trusts(self, host: str) -> bool:
        """Return whether the host, an address as text, is in one of the networks."""
        address = parse_host(host)
        return address is not None and self._trusts(address)

    def find_client(self, peer: str, forwarded: Sequence[bytes]) -> str:
        """Return the address of the client behind a trusted peer.

        forwarded   the values of X-Forwarded-For, in the order received. Each proxy appends the address of its peer,
                    so they are read from the end, as long as trusted proxies wrote them. A value that is no address
                    ends the search: the hop before it is the last known one.
        """
        found = peer
        hops = b",".join(forwarded).rsplit(b",", MAX_HOPS)[-MAX_HOPS:]
        for hop in reversed(hops):
            address = parse_host(hop.decode("latin-1").strip())
            if address is None:
                break
            found = str(address)
            if not self._trusts(address):
                break
        return found

    def _is_in_networks(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def parse_host(text: str) -> _Address | None:
    """Return the IP address of a host as text; None when it is no address.

    Forms: ``1.2.3.4``, ``1.2.3.4:80``, ``2001:db8::1``, ``[2001:db8::1]:80``.
    """
    return _parse(text) if len(text) <= MAX_HOST_CHARACTERS else None  # checked before _parse caches the text


@lru_cache(4_096)
def _parse(text: str) -> _Address | None:
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # an IPv6 zone has a meaning only on the machine that wrote it
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(4_096)
def limit_key(host: str) -> str:
    """Return the key to count a client by: its IPv4 address or its IPv6 /64 network."""
    address = parse_host(host)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address or host)

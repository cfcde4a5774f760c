"""Trusted proxies: the only peers whose word we take for where a request came from."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

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
        """Tell whether the host, an address as text, is one of them."""
        address = parse_host(host)
        return address is not None and self._trusts(address)

    def find_client(self, peer: str, forwarded: Sequence[bytes]) -> str:
        """Return the address of the client behind a trusted peer.

        forwarded   the values of X-Forwarded-For, in the order received: each proxy adds the address it was asked by at
                    the end, so they are read from there, as long as trusted proxies wrote them. What is no address
                    ends the search: the hop before it is the last that is known.
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
    """Return the address of ``1.2.3.4``, ``1.2.3.4:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``; None for others."""
    return _parse(text) if len(text) <= MAX_HOST_CHARACTERS else None  # before it is remembered


@lru_cache(4_096)
def _parse(text: str) -> _Address | None:
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # an IPv6 zone is only known to the machine that wrote it
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(4_096)
def counted_address(host: str) -> str:
    """Return what a client is counted by: its address, or its network where it has 2**64 of them."""
    address = parse_host(host)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address or host)

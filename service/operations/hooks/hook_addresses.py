"""Addresses of hooks: whether CircleCI can post to one, and whether one is ours.

By the address alone, without the network.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from service.model import Hook

HOOK_PATH = "/hooks/circleci"
CLOUD = "circleci.com"
CIRCLECI_CLOUD = f"https://{CLOUD}"
PRIVATE_NAMES = ("local", "localhost", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa")
"""Endings of names that no public DNS server resolves. Source: RFC 6761, 6762 and 8375, and ICANN's reserved names."""


def find_obstacle(public_url: str | None, circleci_url: str) -> str | None:
    """Return the reason why CircleCI cannot post to an address, with the next step.

    None if there is no such reason. A CircleCI Server may be in the same private network: for it only https is
    required.
    """
    if public_url is None:
        return "ROUNDSMAN_PUBLIC_URL is not set: set it to the https address at which CircleCI reaches this service"
    parts = urlsplit(public_url)
    host = (parts.hostname or "").rstrip(".")
    if _is_this_machine(host):
        return f"{public_url} leads to this machine alone: set ROUNDSMAN_PUBLIC_URL to an address that others reach"
    if parts.scheme != "https":
        return f"CircleCI posts to https only, and {public_url} is not: set ROUNDSMAN_PUBLIC_URL"
    if _is_cloud(circleci_url) and _is_private(host):
        return f"circleci.com cannot reach {public_url}, which is of a private network: set ROUNDSMAN_PUBLIC_URL"
    return None


def _is_cloud(circleci_url: str) -> bool:
    host = urlsplit(circleci_url).hostname or ""
    return host == CLOUD or host.endswith(f".{CLOUD}")


def _is_this_machine(host: str) -> bool:
    address = _ip_address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_private(host: str) -> bool:
    address = _ip_address(host)
    if address is not None:
        return not address.is_global
    return "." not in host or host.endswith(tuple(f".{ending}" for ending in PRIVATE_NAMES))


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is; None for a name.

    Spellings that resolvers accept are read too: ``127.1``, ``0x7f000001``.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return _shortened_address(host)
    return getattr(address, "ipv4_mapped", None) or address


def _shortened_address(host: str) -> IPv4Address | None:
    if not host or not all(part[:1].isdigit() for part in host.split(".")):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def posts_to_us(hook: Hook, our_url: str | None) -> bool:
    """Return True if a hook posts to our address, in any spelling.

    A hook of ours that is not recognized would be created a second time.
    """
    return hook.url == our_url or (our_url is not None and comparable(hook.url) == comparable(our_url))


def host_of(hook: Hook) -> str:
    """Return the host that a hook posts to.

    The rest of a foreign hook's address may be a secret.
    """
    try:
        return urlsplit(hook.url).hostname or "an address of its own"
    except ValueError:  # brackets that are no IPv6 address
        return "an address that cannot be read"


def comparable(url: str) -> tuple[str, str, int | None, str] | str:
    """Return the comparable parts of a URL; the URL itself if it cannot be parsed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return url
    return (parts.scheme, parts.hostname or "", port, f"{parts.path.rstrip('/')}?{parts.query}")

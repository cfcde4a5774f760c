"""A rate limit on wrong credentials: a leaky bucket for each address."""

import math
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address

MAX_GUESSES = 10  # at once, from one address
SECONDS_PER_GUESS = 30
MAX_COUNTS = 20_000  # a few MB; over it, the bucket with the oldest guess is dropped
IPV6_NETWORK_BYTES = 8  # a /64: the network of one subscriber


@dataclass(kw_only=True)
class _Bucket:
    """The level of one bucket, and the Unix time of its last guess."""

    level: float
    at: float


class GuessLimiter:
    """Counts wrong credentials by address, in this process only.

    The same wrong credential again is not a new guess of its address: a program with an old token locks out only
    itself, and not all clients that share its address behind a proxy.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)  # only keyed digests of credentials are kept
        self._counts: OrderedDict[bytes, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def wait_s(self, address: str, credential: bytes) -> int:
        """Return the seconds until this credential may be tried from this address; 0: now."""
        own, shared = self._keys(address, credential)
        level = self._level(own)
        return _wait_s(level) or (0 if level else _wait_s(self._level(shared)))

    def add(self, address: str, credential: bytes) -> int:
        """Count a wrong credential; return the seconds until the next try, 0: now."""
        own, shared = self._keys(address, credential)
        if not self._level(own):
            self._add(shared)
        self._add(own)
        return max(_wait_s(self._level(own)), _wait_s(self._level(shared)))

    def _keys(self, address: str, credential: bytes) -> tuple[bytes, bytes]:
        network = client_key(address)
        return blake2b(network + b" " + credential, key=self._key, digest_size=16).digest(), network

    def _level(self, key: bytes) -> float:
        count = self._counts.get(key)
        if count is None:
            return 0.0
        count.at = min(count.at, self._now())  # a clock that was set back must not make the wait longer
        return max(0.0, count.level - (self._now() - count.at) / SECONDS_PER_GUESS)

    def _add(self, key: bytes) -> None:
        self._counts[key] = _Bucket(level=self._level(key) + 1, at=self._now())
        self._counts.move_to_end(key)
        if len(self._counts) > MAX_COUNTS:
            self._counts.popitem(last=False)

    def _now(self) -> float:
        return self._clock().timestamp()


def _wait_s(level: float) -> int:
    return max(0, math.ceil((level + 1 - MAX_GUESSES) * SECONDS_PER_GUESS))


def client_key(address: str) -> bytes:
    """Return the key to count a client by: its IPv4 address or its IPv6 /64 network."""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address.encode(errors="replace")[:64]  # a Unix socket, or a value that a proxy made up
    if isinstance(read, IPv6Address):
        return read.ipv4_mapped.packed if read.ipv4_mapped else read.packed[:IPV6_NETWORK_BYTES]
    return read.packed

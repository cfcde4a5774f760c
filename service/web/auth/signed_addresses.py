"""Signed addresses: a key in the query opens one feed, badge or board alone.

Some readers cannot send a token: a README that shows a badge, a television, many feed readers. Their address carries
``key=``, an HMAC over exactly its path and query. The key reveals nothing else, and a new read token makes it invalid.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from service.errors import BadRequest
from service.text import clean

PARAMETER = "key"
KEY_BYTES = 16  # of the HMAC: 128 bits can be guessed by no one, and the address stays short
LIVE = "/live"
FILES = ("/feed.atom", "/cctray.xml", "/board", LIVE)
"""The last one is for the board, which follows what happens: it tells that something changed, and not what."""
FOLDER = "/badge/"
NOT_SIGNABLE = f"an address of {', '.join(FILES[:-1])} or {FOLDER}PROJECT.svg can have a key, such as /cctray.xml"

Pairs = Sequence[tuple[str, str]]


class AddressSigner:
    """Makes and verifies the keys of addresses, each derived from the read token."""

    def __init__(self, read_token: str) -> None:
        self._secret = hmac.digest(read_token.encode(), b"roundsman signed address", sha256)

    def sign(self, address: str) -> str:
        """Return the path and query of an address with its key. Raises BadRequest."""
        path, pairs = _parse(address)
        query = urlencode([*pairs, (PARAMETER, self._key(path, pairs))], safe="/")
        return f"{quote(path)}?{query}"

    def verify(self, path: str, pairs: Pairs, key: str) -> bool:
        """Return whether this is the key of a path, and of its parameters but for the key."""
        return hmac.compare_digest(key.encode(), self._key(path, pairs).encode())

    def _key(self, path: str, pairs: Pairs) -> str:
        """Return the key of the decoded path and parameters, in their order.

        They are encoded anew: proxies and readers write one address in several ways.
        """
        text = f"{quote(path)}?{urlencode(pairs)}"
        digest = hmac.digest(self._secret, text.encode(), sha256)[:KEY_BYTES]
        return urlsafe_b64encode(digest).decode().rstrip("=")


def is_signable(path: str) -> bool:
    """Return whether a path may be opened by a key."""
    return path in FILES or path.startswith(FOLDER)


def _parse(address: str) -> tuple[str, Pairs]:
    """Return the decoded path and parameters of an address, without a key that it has."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise BadRequest(f"{address[:100]!a} is no address: {NOT_SIGNABLE}") from error
    path = clean(unquote(parts.path))
    if not is_signable(path):
        raise BadRequest(f"{address[:100]!a} is not opened by a key: {NOT_SIGNABLE}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return path, [(clean(name), clean(value)) for name, value in pairs if name != PARAMETER]

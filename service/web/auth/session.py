"""The signed values of a session: cookie and login link."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from itsdangerous import BadSignature, Signer

LIFETIME = timedelta(hours=12)
LINK_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """A session cookie and the id of its session.

    value        the value of the cookie
    session_id   the id of the session's row: a digest, from which the cookie cannot be computed
    """

    value: str
    session_id: UUID


class CookieSigner:
    """Signs and verifies session cookies, with a key derived from the admin token.

    A new admin token makes all cookies invalid. The signature keeps forged cookies away from the database; only the row
    of a session says whether it is open.
    """

    def __init__(self, admin_token: str) -> None:
        self._cookies = _signer(admin_token, "roundsman session")
        self._link_sessions = _signer(admin_token, "roundsman session of a link")

    def make(self) -> Cookie:
        """Make the cookie of a new session."""
        return self._cookie(secrets.token_urlsafe(32))

    def make_for_link(self, code: str) -> Cookie:
        """Make the cookie for a login link; always the same, so its row is inserted once."""
        return self._cookie(self._link_sessions.get_signature(code).decode())

    def verify(self, value: str) -> Cookie | None:
        """Return the cookie of a value; None if its signature is not valid."""
        try:
            return self._cookie(self._cookies.unsign(value).decode())
        except (BadSignature, UnicodeError):
            return None

    def _cookie(self, name: str) -> Cookie:
        value = self._cookies.sign(name).decode()
        return Cookie(
            value=value,
            session_id=UUID(bytes=sha256(value.encode()).digest()[:16]),
        )


class LinkSigner:
    """Signs and verifies the codes of login links, which are valid for 15 minutes."""

    def __init__(self, admin_token: str) -> None:
        self._codes = _signer(admin_token, "roundsman login link")

    def make(self, now: datetime) -> str:
        """Make a code: its last second in Unix time, 16 random bytes, the signature."""
        until = int((now + LINK_LIFETIME).timestamp())
        return self._codes.sign(f"{until}.{secrets.token_hex(16)}").decode()

    def expires_at(self, code: str) -> int | None:
        """Return the last second of a code in Unix time; None if not validly signed."""
        try:
            return int(self._codes.unsign(code).partition(b".")[0])
        except (BadSignature, UnicodeError):
            return None


def login_link(admin_token: str, address: str, now: datetime) -> str:
    """Return a link that logs one browser in to the pages."""
    return f"{address}/login/{LinkSigner(admin_token).make(now)}"


def constant_time_equals(given: bytes, known: str) -> bool:
    """Compare two credentials in constant time."""
    return hmac.compare_digest(given, known.encode())


def _signer(admin_token: str, salt: str) -> Signer:
    return Signer(admin_token, salt=salt, key_derivation="hmac", digest_method=sha256)

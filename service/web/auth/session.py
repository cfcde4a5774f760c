"""Signed texts of a session: the cookie that names its row, the token of its forms, and the login link before both."""

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
    """A session as its browser holds it.

    value        the cookie's
    form_token   what every form of this session carries
    session_id   the id of its row: a digest, from which the cookie cannot be made
    """

    value: str
    form_token: str
    session_id: UUID


class CookieSigner:
    """Makes and verifies cookies, by a key that is derived from the admin token: a new token makes all others void.

    The signature keeps a made-up cookie away from the database. Whether the session is open only its row can tell.
    """

    def __init__(self, admin_token: str) -> None:
        self._cookies = _signer(admin_token, "roundsman session")
        self._forms = _signer(admin_token, "roundsman form")
        self._link_sessions = _signer(admin_token, "roundsman session of a link")

    def make(self) -> Cookie:
        """Make the cookie of a new session."""
        return self._cookie(secrets.token_urlsafe(32))

    def make_for_link(self, code: str) -> Cookie:
        """Make the cookie for a login link: the same one each time, so that its row can be made only once."""
        return self._cookie(self._link_sessions.get_signature(code).decode())

    def verify(self, value: str) -> Cookie | None:
        """Return what a cookie's value holds; None for one that was not signed here."""
        try:
            return self._cookie(self._cookies.unsign(value).decode())
        except (BadSignature, UnicodeError):
            return None

    def _cookie(self, name: str) -> Cookie:
        value = self._cookies.sign(name).decode()
        return Cookie(
            value=value,
            form_token=self._forms.get_signature(value).decode(),
            session_id=UUID(bytes=sha256(value.encode()).digest()[:16]),
        )


class LinkSigner:
    """Makes and verifies the codes of login links: one cannot be guessed, and is good for a quarter of an hour."""

    def __init__(self, admin_token: str) -> None:
        self._codes = _signer(admin_token, "roundsman login link")

    def make(self, now: datetime) -> str:
        """Make a code: its last second, something random, and our signature."""
        until = int((now + LINK_LIFETIME).timestamp())
        return self._codes.sign(f"{until}.{secrets.token_hex(16)}").decode()

    def expires_at(self, code: str) -> int | None:
        """Return the last second of a code, in Unix time; None for one that was not signed here."""
        try:
            return int(self._codes.unsign(code).partition(b".")[0])
        except (BadSignature, UnicodeError):
            return None


def login_link(admin_token: str, address: str, now: datetime) -> str:
    """Return a link to these pages that logs one browser in."""
    return f"{address}/login/{LinkSigner(admin_token).make(now)}"


def constant_time_equals(given: bytes, known: str) -> bool:
    """Compare a credential in a time that does not depend on where the two differ."""
    return hmac.compare_digest(given, known.encode())


def _signer(admin_token: str, salt: str) -> Signer:
    return Signer(admin_token, salt=salt, key_derivation="hmac", digest_method=sha256)

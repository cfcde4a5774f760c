"""The signed values of a session: cookie and login link."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
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
    is_of_admin  True: the admin token or a login link began it
    """

    value: str
    session_id: UUID
    is_of_admin: bool = True


class CookieSigner:
    """Signs and verifies session cookies, with a key derived from the admin token.

    A new admin token makes all cookies invalid. The signature keeps forged cookies away from the database; only the row
    of a session says whether it is open. The cookies of admins and of other users have keys of their own: a release
    that knew admins alone must not take the session of a viewer for theirs.
    """

    def __init__(self, admin_token: str) -> None:
        self._cookies = signer(admin_token, "roundsman session")
        self._user_cookies = signer(admin_token, "roundsman session of a user")
        self._link_sessions = signer(admin_token, "roundsman session of a link")

    def make(self) -> Cookie:
        """Make the cookie of a new session."""
        return self._cookie(secrets.token_urlsafe(32))

    def make_for_user(self) -> Cookie:
        """Make the cookie of a new session of a user whom another service named."""
        return self._cookie(secrets.token_urlsafe(32), is_of_admin=False)

    def make_for_link(self, code: str) -> Cookie:
        """Make the cookie for a login link; always the same, so its row is inserted once."""
        return self._cookie(self._link_sessions.get_signature(code).decode())

    def verify(self, value: str) -> Cookie | None:
        """Return the cookie of a value; None if its signature is not valid."""
        for is_of_admin, signer in ((True, self._cookies), (False, self._user_cookies)):
            try:
                return self._cookie(signer.unsign(value).decode(), is_of_admin=is_of_admin)
            except (BadSignature, UnicodeError):
                continue
        return None

    def _cookie(self, name: str, *, is_of_admin: bool = True) -> Cookie:
        value = (self._cookies if is_of_admin else self._user_cookies).sign(name).decode()
        session_id = UUID(bytes=sha256(value.encode()).digest()[:16])
        return Cookie(value=value, session_id=session_id, is_of_admin=is_of_admin)


class LinkSigner:
    """Signs and verifies the codes of login links, which are valid for 15 minutes."""

    def __init__(self, admin_token: str) -> None:
        self._codes = signer(admin_token, "roundsman login link")

    def make(self, now: datetime, name: str = "") -> str:
        """Make a code: its last second in Unix time, 16 random bytes, name, signature."""
        until = int((now + LINK_LIFETIME).timestamp())
        # without "=" at the end: terminals and mail leave such characters out of a link
        named = f".{urlsafe_b64encode(name.encode()).decode().rstrip('=')}" if name else ""
        return self._codes.sign(f"{until}.{secrets.token_hex(16)}{named}").decode()

    def read(self, code: str) -> tuple[int, str] | None:
        """Return the last second of a code in Unix time, and the name of its maker.

        None if it is not validly signed. The name may be empty.
        """
        try:
            until, _, name = (*self._codes.unsign(code).decode().split(".", 2), "")[:3]
            return int(until), urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except (BadSignature, ValueError):
            return None


def login_link(admin_token: str, address: str, now: datetime, name: str = "") -> str:
    """Return a link that logs one browser in to the pages.

    name   of its maker, which is recorded with what is done in that session
    """
    return f"{address}/login/{LinkSigner(admin_token).make(now, name)}"


def constant_time_equals(given: bytes, known: str) -> bool:
    """Compare two credentials in constant time."""
    return hmac.compare_digest(given, known.encode())


def signer(admin_token: str, salt: str) -> Signer:
    """Return a signer whose key is derived from the admin token, for one purpose."""
    return Signer(admin_token, salt=salt, key_derivation="hmac", digest_method=sha256)

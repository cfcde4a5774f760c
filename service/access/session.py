"""Sessions: a random id in a signed cookie, and a form token that only its holder's pages show."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from itsdangerous import BadSignature, Signer, TimestampSigner

LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One person's stay.

    value        what the cookie holds
    form_token   what every form of this session carries
    is_new       the browser does not have the cookie yet
    """

    value: str
    form_token: str
    is_new: bool


class Sessions:
    """Begins sessions and knows them again; nothing is kept, so any process of ours with the same token knows them.

    The keys are derived from the admin token: changing it ends every session. Without one they are made up at start.
    """

    def __init__(self, admin_token: str | None, *, clock: Callable[[], datetime]) -> None:
        key = admin_token or secrets.token_hex(32)
        self._cookies = _CookieSigner(key, clock)
        self._forms = Signer(key, salt="roundsman form", key_derivation="hmac", digest_method=sha256)

    def begin(self) -> Session:
        """A new session."""
        return self._session(self._cookies.sign(secrets.token_urlsafe(24)).decode(), is_new=True)

    def resume(self, value: str) -> Session | None:
        """The session of a cookie; None when we did not sign it, or too long ago."""
        try:
            self._cookies.unsign(value, max_age=int(LIFETIME.total_seconds()))
        except BadSignature:
            return None
        return self._session(value, is_new=False)

    def _session(self, value: str, *, is_new: bool) -> Session:
        return Session(value=value, form_token=self._forms.get_signature(value).decode(), is_new=is_new)


class _CookieSigner(TimestampSigner):
    """A signer that asks our clock."""

    def __init__(self, key: str, clock: Callable[[], datetime]) -> None:
        super().__init__(key, salt="roundsman session", key_derivation="hmac", digest_method=sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock().timestamp())

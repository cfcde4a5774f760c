"""Parse the Authorization header of a request."""

from base64 import b64decode
from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A token as the client sent it.

    is_bearer   False: it is the password of Basic, whose user may be any
    """

    token: bytes
    is_bearer: bool


def parse_credential(request: Request) -> Credential | None:
    """Return the credential of the Authorization header; None if it has another form.

    A second header is refused too: a proxy may have read the other one.
    """
    given = request.headers.getlist("authorization")
    scheme, _, value = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() not in {"bearer", "basic"}:
        return None
    # Starlette decodes every header as Latin-1: encode it back to the bytes, which may be a token in UTF-8
    written = value.strip().encode("latin-1")
    if scheme.lower() == "bearer":
        return Credential(token=written, is_bearer=True)
    try:
        user_and_password = b64decode(written, validate=True)
    except ValueError:
        return None
    _, colon, password = user_and_password.partition(b":")
    return Credential(token=password, is_bearer=False) if colon else None

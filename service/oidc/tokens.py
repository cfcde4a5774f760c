"""The messages of OpenID Connect, by Authlib: requests to make, tokens to verify.

Pure: nothing here uses the network. Importing the library takes a while, so only a process that needs it imports this.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidKeyIdError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from service.errors import Unauthorized
from service.oidc.client import OidcClient

SCOPES = "openid email profile"
SKEW = timedelta(minutes=2)
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures with a key pair. None, or one with the client's secret, is not accepted."""

STEP = "log in again; if it stays so, see the log and the provider's settings"
_ADVICE = {
    "nonce": "it is of another login",
    "aud": "it is for another client: compare ROUNDSMAN_OIDC_CLIENT_ID with the provider's",
    "azp": "it is for another client: compare ROUNDSMAN_OIDC_CLIENT_ID with the provider's",
    "iss": "it is of another issuer: compare ROUNDSMAN_OIDC_ISSUER with the provider's",
    "iat": "its time is in the future: compare this machine's clock with the provider's",
    "nbf": "its time is in the future: compare this machine's clock with the provider's",
    "exp": "its time has no number",
}


class UnknownKey(Exception):
    """A token signed with a key that is not among those known."""


def authorization_url(endpoint: str, client: OidcClient, *, state: str, nonce: str, verifier: str) -> str:
    """Return the address at the provider to which a login sends the browser."""
    url: str = prepare_grant_uri(
        endpoint,
        client.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=SCOPES,
        state=state,
        nonce=nonce,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
    )
    return url


def token_request(client: OidcClient, *, code: str, verifier: str) -> str:
    """Return the body of the request that exchanges a code for tokens."""
    body: str = prepare_token_request(
        "authorization_code", redirect_uri=client.redirect_uri, code=code, code_verifier=verifier
    )
    return body


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the keys of a provider. Raises ValueError."""
    try:
        return KeySet.import_key_set({"keys": document["keys"]})
    except (JoseError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("holds no keys that can be used") from error


def verify(tokens: Mapping[str, Any], keys: KeySet, client: OidcClient, *, nonce: str, now: datetime) -> dict[str, Any]:
    """Return the claims of an ID token.

    Raises Unauthorized for one that is not to be believed, UnknownKey for one that newer keys may verify.
    """
    written = tokens.get("id_token")
    if not isinstance(written, str):
        raise Unauthorized(f"the OpenID provider gave no ID token; {STEP}")
    try:
        token = jwt.decode(written, keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={"iss": {"essential": True, "value": client.issuer}, "aud": _audience(client)},
            params={"nonce": nonce, "client_id": client.client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(now=int(now.timestamp()), leeway=int(SKEW.total_seconds()))
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except ExpiredTokenError as error:
        reason = "it has expired: compare this machine's clock with the provider's"
        raise Unauthorized(f"the ID token is not accepted, {reason}; {STEP}") from error
    except (InvalidClaimError, MissingClaimError) as error:
        reason = _ADVICE.get(error.claim, f"its claim {error.claim} is missing or wrong")
        raise Unauthorized(f"the ID token is not accepted, {reason}; {STEP}") from error
    except (JoseError, ValueError, TypeError) as error:
        raise Unauthorized(f"the ID token is not accepted, its signature is not valid; {STEP}") from error
    return dict(claims)


def _audience(client: OidcClient) -> dict[str, Any]:
    return {"essential": True, "value": client.client_id}

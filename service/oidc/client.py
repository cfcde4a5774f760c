"""The facts of our registration at the provider, and the users that it may let in."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.config.roles import comparable
from service.errors import Forbidden

CALLBACK = "/login/oidc/callback"
ANY_DOMAIN = "*"
MAX_GROUPS = 500
MAX_NAME = 200
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@(?P<domain>[^@\s\x00-\x1f\x7f]+)")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A user as the provider names one: a verified email address, and groups."""

    email: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OidcClient:
    """Our registration at an OpenID provider.

    redirect_uri       our address, to which the provider sends browsers back
    domains, groups    comparable names; users need one of each list that is not empty
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    domains: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def admits(self, email: str, groups: Collection[str]) -> bool:
        """Return whether a user with this address and these groups may log in."""
        found = _EMAIL.fullmatch(email)
        if found is None or not (self.domains or self.groups):
            return False
        has_domain = not self.domains or bool({ANY_DOMAIN, comparable(found["domain"])} & self.domains)
        return has_domain and (not self.groups or bool({comparable(group) for group in groups} & self.groups))

    def identify(self, claims: Mapping[str, Any]) -> Identity:
        """Return the user of verified claims. Raises Forbidden for one not to let in."""
        email = claims.get("email")
        if not isinstance(email, str) or len(email) > MAX_NAME or not _EMAIL.fullmatch(email):
            raise Forbidden(
                "the OpenID provider names no email address of yours",
                next_step="have it give the claim email to Roundsman, and log in again",
            )
        if claims.get("email_verified") is not True and claims.get("email_verified") != "true":
            raise Forbidden(
                f"the OpenID provider has not verified the address {email}",
                next_step="verify it there, or have the provider give the claim email_verified, and log in again",
            )
        groups = _texts(claims.get("groups"))
        if not self.admits(email, groups):
            raise Forbidden(
                f"there is no login here for {email}",
                next_step="ask an admin: ROUNDSMAN_OIDC_DOMAINS and ROUNDSMAN_OIDC_GROUPS name them",
            )
        return Identity(email=email, groups=groups)


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a claim that is one text or a list."""
    every = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(one[:MAX_NAME] for one in every[:MAX_GROUPS] if isinstance(one, str))

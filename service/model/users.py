"""Users of the pages and the API, and their roles."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class AccessRole(StrEnum):
    """The rights of a user: a viewer sees all, an operator acts, an admin manages."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "AccessRole") -> bool:
        """Return whether this role has all rights of another one."""
        order = list(AccessRole)
        return order.index(self) >= order.index(needed)


class CredentialKind(StrEnum):
    """The kind of credential that a user came in with."""

    ADMIN_TOKEN = "admin_token"  # noqa: S105 - no secret
    OPERATOR_TOKEN = "operator_token"  # noqa: S105 - no secret
    READ_TOKEN = "read_token"  # noqa: S105 - no secret
    SIGNED_ADDRESS = "signed_address"
    LOGIN_LINK = "login_link"
    PROXY = "proxy"
    OPENID_CONNECT = "openid_connect"


@dataclass(frozen=True, kw_only=True)
class User:
    """A person or program whose credential was accepted.

    name         as it is recorded with what the user does
    kind         of the credential
    session_id   None: the credential comes with each request
    """

    name: str
    role: AccessRole
    kind: CredentialKind
    session_id: UUID | None = None

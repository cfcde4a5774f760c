"""Users whom an authenticating proxy names in a header of each request."""

from dataclasses import dataclass, field

import structlog
from starlette.requests import Request

from service.config.roles import RoleRules
from service.errors import Forbidden
from service.model import CredentialKind, User
from service.text import clean
from service.web.server.proxies import PEER, TrustedProxies

MAX_NAME = 200
MAX_GROUPS = 500
NO_ROLE_STEP = "ask an admin for one: ROUNDSMAN_OPERATORS and ROUNDSMAN_ADMINS name who has which"

log = structlog.get_logger()


@dataclass(kw_only=True)
class HeaderUsers:
    """Believes the header of a trusted proxy, and of no other peer.

    header, groups_header   None: no header is believed; no header tells groups
    """

    header: str | None = None
    groups_header: str | None = None
    proxies: TrustedProxies = field(default_factory=lambda: TrustedProxies(()))
    rules: RoleRules = field(default_factory=RoleRules)
    _has_warned: bool = False

    def find(self, request: Request) -> User | None:
        """Return the user of a request; None if no trusted proxy names one.

        Raises Forbidden for a user without a role.
        """
        given = request.headers.getlist(self.header) if self.header else []
        name = _decoded(given[0]) if len(given) == 1 else ""
        if not given or not self._is_believed(request) or not 0 < len(name) <= MAX_NAME:
            return None
        role = self.rules.role(name, self._groups(request))
        if role is None:
            raise Forbidden(f"there is no role for {name} here", next_step=NO_ROLE_STEP)
        return User(name=name, role=role, kind=CredentialKind.PROXY)

    def _groups(self, request: Request) -> list[str]:
        """Return the groups of a user: of a list with commas, in one header or several."""
        given = request.headers.getlist(self.groups_header) if self.groups_header else []
        return [_decoded(group) for group in ",".join(given).split(",", MAX_GROUPS)[:MAX_GROUPS]]

    def _is_believed(self, request: Request) -> bool:
        """Return whether a trusted proxy sent the request; log the first other peer."""
        peer = request.scope.get(PEER) or (request.client.host if request.client else "")
        if self.proxies.trusts(peer):
            return True
        if not self._has_warned:
            self._has_warned = True
            log.warning("a user header was ignored", client=peer, reason="it came from no trusted proxy")
        return False


def _decoded(value: str) -> str:
    """Return the text of a header, which Starlette reads as Latin-1."""
    return clean(value.encode("latin-1").decode(errors="replace")).strip()

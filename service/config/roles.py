"""The lists of users and groups that have a role."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from service.model import AccessRole

GROUP = "group:"
NO_ROLE = "none"
NOT_OF_USERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "forwarded",
        "host",
        "origin",
        "referer",
        "transfer-encoding",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
_CAPITALS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def parse_names(written: str) -> frozenset[str]:
    """Return the entries of a list with commas, for comparison."""
    return frozenset(comparable(name) for name in re.split(r"[,\n]", written) if name.strip())


def comparable(name: str) -> str:
    """Return a name for comparison: without blanks around it, its ASCII letters small.

    Others keep their case: some letters beyond ASCII become ASCII ones in lower case, and two users one.
    """
    return name.strip().translate(_CAPITALS)


def check_names(written: str) -> str:
    """Return a list of names as it is. Raises ValueError with the end of a sentence."""
    names = parse_names(written)
    if not names:
        raise ValueError("names neither a user nor a group; write them with commas between them, or leave it out")
    if odd := next((name for name in sorted(names) if not name.removeprefix(GROUP).strip()), None):
        raise ValueError(f"holds {odd!a} without the name of a group; write group:NAME")
    return written


def check_issuer(url: str) -> str:
    """Return the address of an issuer as it is. Raises ValueError."""
    if not re.fullmatch(r"https://[\w.-]+(:[0-9]{1,5})?(/[\w./~-]*)?", url, re.ASCII) and not re.fullmatch(
        r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[\w./~-]*)?", url, re.ASCII
    ):
        raise ValueError("must be an address like https://accounts.google.com, with https and without a query")
    return url


def check_header(name: str) -> str:
    """Return the name of a header. Raises ValueError with the end of a sentence."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise ValueError("must be the name of a header like X-Forwarded-User: letters, digits and hyphens")
    if name.lower() in NOT_OF_USERS or name.lower().startswith("sec-"):
        raise ValueError(
            f"is {name}, which browsers and proxies set for another purpose; take one like X-Forwarded-User"
        )
    return name


@dataclass(frozen=True, kw_only=True)
class RoleRules:
    """The roles of users whom a proxy or an OpenID provider names.

    admins, operators   comparable names of users, and of groups after ``group:``
    default             of all others; None: they are not let in
    """

    admins: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    default: AccessRole | None = AccessRole.VIEWER

    def role(self, user: str, groups: Collection[str] = ()) -> AccessRole | None:
        """Return the role of a user with these groups; None: the user is not let in."""
        own = {GROUP + comparable(group) for group in groups}
        # a user whom the other side calls "group:..." must not pass for a group
        own |= set() if comparable(user).startswith(GROUP) else {comparable(user)}
        if own & self.admins:
            return AccessRole.ADMIN
        return AccessRole.OPERATOR if own & self.operators else self.default

"""The rights of roles: one table for checks, forms and documentation."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import Route

from service.errors import Forbidden
from service.model import AccessRole, CredentialKind, User

API = "/api/v1"
TRIGGER_STEPS = (("GET", ""), ("GET", "/{id}"), ("POST", "/ask"), ("POST", "/change"))


@dataclass(frozen=True, kw_only=True)
class Right:
    """A right to do something.

    sentence   what it is a right to do
    requests   the methods and paths that need it, those of the API without ``/api/v1``
    """

    role: AccessRole
    sentence: str
    requests: tuple[str, ...] = ()


RIGHTS: Mapping[str, Right] = {
    "see": Right(role=AccessRole.VIEWER, sentence="see all pages, and read the API"),
    "views": Right(
        role=AccessRole.VIEWER,
        sentence="save own searches, and say which builds are one's own",
        requests=(
            "POST /mine",
            "POST /builds/views",
            *(f"POST /builds/views/{{id}}/{act}" for act in ("change", "remove")),
        ),
    ),
    "share_views": Right(
        role=AccessRole.OPERATOR,
        sentence="share searches with all, and save searches by the API",
        requests=("POST /views", "PATCH /views/{id}", "DELETE /views/{id}"),
    ),
    "leave": Right(
        role=AccessRole.VIEWER,
        sentence="log out, here or everywhere",
        requests=("POST /logout", "POST /sessions/end", "POST /sessions/{id}/end"),
    ),
    "take": Right(
        role=AccessRole.OPERATOR,
        sentence="take, release, classify and mute incidents",
        requests=tuple(f"POST /incidents/{{id}}/{verb}" for verb in ("take", "release", "classify", "mute")),
    ),
    "resend": Right(
        role=AccessRole.OPERATOR,
        sentence="replay deliveries, resend notifications, dismiss dead letters",
        requests=(
            "POST /deliveries/{id}/replay",
            "POST /deliveries/{id}/dismiss",
            "POST /notifications/{id}/resend",
            "POST /notifications/{id}/dismiss",
            "POST /dead-letters/{cause}/resend",
            "POST /dead-letters/{cause}/dismiss",
        ),
    ),
    "act": Right(
        role=AccessRole.OPERATOR,
        sentence="rerun, cancel and approve builds at CircleCI, and start pipelines",
        requests=(
            "POST /builds/{id}/act/{verb}",
            *(f"POST /runs/{{id}}/{verb}" for verb in ("rerun", "cancel", "approve")),
            "POST /trigger",
            *(f"{method} /trigger{step}" for method, step in TRIGGER_STEPS),
        ),
    ),
    "silence": Right(
        role=AccessRole.OPERATOR,
        sentence="set silences, and end own ones",
        requests=("POST /silences", "POST /silences/{id}/expire", "DELETE /silences/{id}"),
    ),
    "known_problems": Right(
        role=AccessRole.OPERATOR,
        sentence="add and close known problems",
        requests=("POST /known-problems", "POST /known-problems/{id}/close"),
    ),
    "test_receivers": Right(
        role=AccessRole.OPERATOR, sentence="send test messages to receivers", requests=("POST /health/test",)
    ),
    "silences_of_others": Right(role=AccessRole.ADMIN, sentence="end the silences of others"),
    "sessions_of_others": Right(
        role=AccessRole.ADMIN,
        sentence="see and end the sessions of others",
        requests=("POST /sessions/end-of-user",),
    ),
}
"""The rights by name. A ``GET`` that no right names needs ``see``; any other request that none names, an admin."""

UNNAMED = Right(role=AccessRole.ADMIN, sentence="do what no role is named for")
_BY_REQUEST = {request: right for right in RIGHTS.values() for request in right.requests}


def needed_right(method: str, path: str) -> Right:
    """Return the right that a request needs.

    path   of the route, with its parameters by name
    """
    if method in {"GET", "HEAD"}:
        return _BY_REQUEST.get(f"GET {path.removeprefix(API)}", RIGHTS["see"])
    return _BY_REQUEST.get(f"{method} {path.removeprefix(API)}", UNNAMED)


def is_declared(method: str, path: str) -> bool:
    """Return whether the table has the right that a request needs."""
    return needed_right(method, path) is not UNNAMED


def rights_of(role: AccessRole) -> frozenset[str]:
    """Return the names of a role's rights."""
    return frozenset(name for name, right in RIGHTS.items() if role.includes(right.role))


def require_right(request: Request, user: User) -> None:
    """Raise Forbidden unless the role of a user has the right that a request needs."""
    route = request.scope.get("route")
    path = route.path if isinstance(route, Route) else request.url.path
    check_right(user, needed_right(request.method, path))


def check_right(user: User, right: Right) -> None:
    """Raise Forbidden unless the role of a user has a right."""
    if user.role.includes(right.role):
        return
    needed = f"this needs the role {right.role} ({right.sentence})"
    if user.kind is CredentialKind.READ_TOKEN:
        raise Forbidden(f"the read token only reads, and {needed}", next_step="send the admin token")
    if user.kind is CredentialKind.OPERATOR_TOKEN:
        raise Forbidden(f"{needed}, and {user.name} has the role {user.role}", next_step="send the admin token")
    raise Forbidden(
        f"{needed}, and {user.name} has the role {user.role}",
        next_step="ask an admin for it: ROUNDSMAN_OPERATORS and ROUNDSMAN_ADMINS name who has which",
    )

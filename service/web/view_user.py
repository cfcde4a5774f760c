"""The user whose saved views a request is about."""

from service.model import AccessRole, User
from service.operations.saved_views import ViewUser
from service.web.auth.access import ADMIN, OF_ADMINS


def view_user(user: User) -> ViewUser:
    """Return a user of pages or the API as one of saved views.

    Who logs in with the admin token, and a program that sends it, are the same user.
    """
    name = ADMIN.name if user.kind in OF_ADMINS else user.name
    return ViewUser(name=name, may_share=user.role.includes(AccessRole.OPERATOR))

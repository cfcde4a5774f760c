"""Notices that are shown once: left in a cookie of the page that is to show them, and dropped as it does.

In the page's address they would stay: reloaded, shared or bookmarked, it would say again what is long past.
"""

from starlette.requests import Request
from starlette.responses import Response

NOTICES = {
    "replay": "The delivery is being judged again. What comes of it stands below as soon as it is known.",
    "resend": "The notification is being sent again. What comes of it stands below as soon as it is known.",
    "resend_all": "They are being sent again. What could not be told stands here again before long.",
    "resend_some": "Not all of them could be sent again just now. What still waits stands below.",
    "dismiss": "Dismissed, and on record. It can still be replayed or sent again.",
    "nothing": "Your session had ended, so nothing was done. You are logged in again: please press it once more.",
}
COOKIE = "roundsman-notice"
MAX_AGE_S = 600  # a login may stand between the act and the page


def set_notice(response: Response, page: str, notice: str, *, is_secure: bool) -> None:
    """Have a page of ours, given by its path, show a notice once."""
    path = page.partition("?")[0]
    response.set_cookie(COOKIE, notice, max_age=MAX_AGE_S, path=path, secure=is_secure, httponly=True, samesite="lax")


def read_notice(request: Request) -> str | None:
    """Return the notice that was left for this page, if there is one."""
    return NOTICES.get(request.cookies.get(COOKIE, ""))


def clear_notice(request: Request, response: Response, *, is_secure: bool) -> None:
    """Have a page that shows its notice do so no more."""
    response.delete_cookie(COOKIE, path=request.url.path, secure=is_secure, httponly=True, samesite="lax")

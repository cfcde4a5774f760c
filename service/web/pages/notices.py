"""Notices shown once: set in a cookie of the page that shows it, and cleared then.

In the URL of the page they would stay: a page reloaded, shared or bookmarked would show an old notice again.
"""

from starlette.requests import Request
from starlette.responses import Response

NOTICES = {
    "replay": "The delivery is being judged again. The result is shown below as soon as it is known.",
    "resend": "The notification is being sent again. The result is shown below as soon as it is known.",
    "resend_all": "They are being sent again. Those that cannot be sent are listed here again later.",
    "resend_some": "Not all of them could be sent again now. The others are listed below.",
    "dismiss_all": "Dismissed, and on record. They can still be sent again.",
    "dismiss_some": "Not all of them could be dismissed now. The others are listed below.",
    "dismiss": "Dismissed, and on record. It can still be replayed or sent again.",
    "silence": "The silence is set, and on record.",
    "expire": "The silence has ended.",
    "act_done": "CircleCI took it. Its answer is below, under At CircleCI.",
    "act_refused": "CircleCI refused it, and nothing has changed. Its answer is below, under At CircleCI.",
    "act_uncertain": "Whether it was done is not known: look at CircleCI before you try again. It is on record below.",
    "incident": "Done, and on record.",
    "sessions": "Ended: these browsers have to log in again.",
    "view": "The view is saved.",
    "view_removed": "The view is removed. Its builds are shown below as before.",
    "nothing": "Your session had ended, so nothing was done. You are logged in again: please press the button again.",
}
COOKIE = "roundsman-notice"
MAX_AGE_S = 600  # there may be a login between the action and the page


def set_notice(response: Response, page: str, notice: str, *, is_secure: bool) -> None:
    """Set the notice that the page with this path shows once."""
    path = page.partition("?")[0]
    response.set_cookie(COOKIE, notice, max_age=MAX_AGE_S, path=path, secure=is_secure, httponly=True, samesite="lax")


def read_notice(request: Request) -> str | None:
    """Return the notice set for this page, if there is one."""
    return NOTICES.get(request.cookies.get(COOKIE, ""))


def clear_notice(request: Request, response: Response, *, is_secure: bool) -> None:
    """Clear the notice of a page that has shown it."""
    response.delete_cookie(COOKIE, path=request.url.path, secure=is_secure, httponly=True, samesite="lax")

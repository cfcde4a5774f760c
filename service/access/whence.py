"""Where a request came from, as far as its headers tell: browsers set these, and no page can make them lie."""

import re

from starlette.datastructures import Headers

LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
LEFT_BY_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def is_addressed_to_loopback(headers: Headers) -> bool:
    """The request was meant for this machine, by a name that only this machine can have.

    A name of somebody's domain that resolves to 127.0.0.1 would let their page read ours (DNS rebinding). What a proxy
    passes on may have been meant for anything: a tunnel can rewrite Host.
    """
    if any(name in headers for name in LEFT_BY_PROXIES):
        return False
    return LOOPBACK.fullmatch(headers.get("host", "")) is not None


def is_from_another_site(headers: Headers, public_url: str | None) -> bool:
    """A browser sent the request on behalf of a page that is not ours. What is no browser sends neither header.

    Source: Fetch standard, "The Origin header"; W3C, "Fetch Metadata Request Headers".
    """
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return True
    host = headers.get("host", "").lower()
    ours = {f"http://{host}", f"https://{host}"}  # a proxy may end TLS
    if public_url is not None:
        ours.add(public_url.lower())  # or change Host
    return headers.get("origin", f"http://{host}").lower() not in ours

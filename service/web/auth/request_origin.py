"""Where a request came from, as far as its headers tell: browsers set these, and no page can make them lie."""

from starlette.datastructures import Headers


def is_cross_origin(headers: Headers, public_url: str | None) -> bool:
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

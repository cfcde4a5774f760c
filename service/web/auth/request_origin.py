"""Check Origin and Sec-Fetch-Site to block cross-site requests.

Browsers set both headers, and no page can change them.
"""

from starlette.datastructures import Headers


def is_cross_origin(headers: Headers, public_url: str | None) -> bool:
    """Return whether a browser sent the request for a page of another origin.

    Clients other than browsers send neither header; their requests count as ours.


    Source: Fetch standard, "The Origin header"; W3C, "Fetch Metadata Request Headers".
    """
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return True
    host = headers.get("host", "").lower()
    ours = {f"http://{host}", f"https://{host}"}  # a proxy may end TLS
    if public_url is not None:
        ours.add(public_url.lower())  # or change Host
    return headers.get("origin", f"http://{host}").lower() not in ours

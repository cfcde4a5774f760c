"""Connections to other services, and the dates of their certificates."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from service.network_errors import describe
from service.operations.checks.checks import Finding, Grade

TIMEOUT_S = 10.0
RENEW_WITHIN = timedelta(days=14)
ALIVE = {"status": "alive"}
HEALTH_PATH = "/healthz"


async def check_connection(what: str, url: str, now: datetime) -> Finding:
    """Check that a connection can be made; sends no request.

    With https the finding says until when the certificate holds.
    """
    if (proxied := _proxied(what, url)) is not None:
        return proxied
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    context = ssl.create_default_context() if is_tls else None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=context, server_hostname=parts.hostname if is_tls else None
            )
    except (OSError, TimeoutError) as error:
        sentence = f"it {describe(error)}; look at the address, the network and the certificate there"
        return Finding(what=what, grade=Grade.WRONG, sentence=sentence)
    certificate = writer.get_extra_info("peercert")
    writer.transport.abort()  # nothing was sent: an orderly end would only wait for the other side
    return certificate_finding(what, certificate, now)


def _proxied(what: str, url: str) -> Finding | None:
    """Return the finding on an address that is reached through a proxy alone."""
    parts = urlsplit(url)
    if parts.scheme not in getproxies() or proxy_bypass(parts.hostname or ""):
        return None
    sentence = f"not tried directly: {parts.scheme.upper()}_PROXY names a proxy, so its certificate is not seen"
    return Finding(what=what, grade=Grade.NOTE, sentence=sentence)


def certificate_finding(what: str, certificate: object, now: datetime) -> Finding:
    """Return the finding on a certificate as Python's ssl describes it."""
    written = certificate.get("notAfter") if isinstance(certificate, dict) else None
    if not isinstance(written, str):
        return Finding(what=what, grade=Grade.OK, sentence="a connection can be made")
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(written), UTC)
    left = (ends_at - now).days
    days = f"{left} day{'' if left == 1 else 's'}"
    sentence = f"a connection can be made; its certificate holds until {ends_at:%Y-%m-%d}, {days}"
    if ends_at - now > RENEW_WITHIN:
        return Finding(what=what, grade=Grade.OK, sentence=sentence)
    return Finding(what=what, grade=Grade.NOTE, sentence=f"{sentence}: renew it")


async def check_ourselves(public_url: str, transport: httpx.AsyncBaseTransport | None = None) -> Finding:
    """Check that the public URL leads to a Roundsman, as this machine sees it."""
    what = "public URL from here"
    try:
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S, follow_redirects=False) as http:
            answer = await http.get(f"{public_url}{HEALTH_PATH}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sentence = f"it {describe(error)}; look at the proxy or tunnel before Roundsman, and whether Roundsman runs"
        return Finding(what=what, grade=Grade.WRONG, sentence=sentence)
    if answer.status_code == 200 and _is_ours(answer):
        return Finding(what=what, grade=Grade.OK, sentence="a Roundsman answers there; CircleCI's way may be another")
    sentence = (
        f"{HEALTH_PATH} answers {answer.status_code}, and not as Roundsman does: look at what the proxy there leads to"
    )
    return Finding(what=what, grade=Grade.WRONG, sentence=sentence)


def _is_ours(answer: httpx.Response) -> bool:
    try:
        return bool(answer.json() == ALIVE)
    except ValueError:
        return False

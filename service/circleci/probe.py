"""A signed post to our own hook, which shows that the service accepts a secret."""

import json
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from service.circleci.webhook.signature import fingerprint_of, sign
from service.errors import Permanent, Temporary
from service.network_errors import describe

TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A ping as CircleCI's "Test Ping Event" posts it, with an id of ours.

    One for each secret and minute: the service keeps repeats of a delivery once.
    """

    id_prefix: str
    secret: str = field(repr=False)
    at: datetime

    @property
    def body(self) -> bytes:
        """Return the body."""
        at = f"{self.at:%Y-%m-%dT%H:%M}:00.000Z"
        ping = {
            "type": "ping",
            "id": f"{self.id_prefix}{fingerprint_of(self.secret)}-{self.at:%Y%m%d%H%M}",
            "happened_at": at,
            "webhook": {"id": f"{self.id_prefix}hook", "name": "Roundsman: is this secret accepted?"},
        }
        return json.dumps(ping).encode()


async def post_probe(url: str, probe: Probe) -> bool:
    """Return whether the service at a hook's address accepts the secret of a ping.

    Raises Temporary if the service cannot be reached or store the ping, Permanent if it answers anything else.
    """
    signature = f"v1={sign(probe.secret, probe.body).decode()}"
    headers = {"content-type": "application/json", "circleci-signature": signature}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
            response = await http.post(url, content=probe.body, headers=headers)
    except httpx.HTTPError as error:
        raise Temporary(f"{url} {describe(error)}") from error
    if response.status_code >= 500:
        raise Temporary(f"{url} answered {response.status_code}")
    if response.is_success or response.status_code == 401:
        return response.is_success
    raise Permanent(f"{url} answered {response.status_code} to a signed ping, which is no answer of Roundsman's hook")

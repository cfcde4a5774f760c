"""Check of the OpenID provider."""

from service.clock import now_utc
from service.config.settings import Settings
from service.errors import Temporary
from service.oidc.provider import Provider, oidc_client
from service.operations.checks.checks import Finding, Grade

WHAT = "OpenID provider"


async def check_provider(settings: Settings) -> list[Finding]:
    """Check that the provider answers; return nothing if there is none."""
    client = oidc_client(settings)
    if client is None:
        return []
    try:
        await Provider(client, clock=now_utc).discover()
    except Temporary as error:
        return [Finding(what=WHAT, grade=Grade.WRONG, sentence=error.sentence)]
    sentence = f"{client.issuer} answers; the address to register there is {client.redirect_uri}"
    return [Finding(what=WHAT, grade=Grade.OK, sentence=sentence)]

"""The secrets and tokens of CircleCI that a running process replaces."""

from collections.abc import Sequence

from service.circleci.circleci import CircleCI
from service.circleci.webhook.signature import fingerprints_of
from service.config.settings import Settings
from service.pipeline.context import Context


def replace_credentials(context: Context, settings: Settings) -> Sequence[str]:
    """Use new secrets and tokens; return the fingerprints of the secrets.

    If it raises BadConfig, nothing has changed.
    """
    if isinstance(context.source, CircleCI):
        context.source.replace_credentials(
            secrets=settings.webhook_secrets, token=settings.circleci_token, admin=settings.circleci_admin_token
        )
        context.source.set_expiry(token=settings.circleci_token_ends, admin=settings.circleci_admin_token_ends)
    secrets = fingerprints_of(settings.webhook_secrets)
    context.metrics.expect_secrets(secrets)
    return secrets

"""Check that the approvals that routes ask for are looked for."""

from collections.abc import Iterator

from service.config.configuration import Config
from service.config.impossible import fitting
from service.model import EventKind
from service.operations.checks.checks import Finding, Grade


def check_holds(config: Config) -> Iterator[Finding]:
    """Yield a note on each route that asks for ``workflow-held`` and hears of none.

    CircleCI is not asked then.
    """
    settings = config.settings
    if settings.circleci_token is None:
        reason = "it needs ROUNDSMAN_CIRCLECI_TOKEN"
    elif not settings.reconcile:
        reason = "ROUNDSMAN_RECONCILE is 0, which turns that off with the search for missed webhooks"
    else:
        return
    for route in config.routes:
        asked = next((one for one in route.matchers if one.key == "event"), None)
        if asked is not None and fitting(asked, (EventKind.WORKFLOW_HELD,)):
            sentence = f"workflows that wait for an approval are not looked for: {reason}"
            yield Finding(what=f"route {route.name!r}", grade=Grade.NOTE, sentence=sentence)

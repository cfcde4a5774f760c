"""The endpoints of CircleCI's API that Roundsman calls, and their paths.

The calls of ``circleci_api``, the refusals in ``request``, the limits of a read and docs/configuration.md are made of
this table. Each area of the API has a module in ``tables``, and a class whose methods have the names of its endpoints.
"""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint
from service.circleci.api.tables.actions import ACTIONS
from service.circleci.api.tables.artifacts import ARTIFACTS
from service.circleci.api.tables.builds import BUILDS
from service.circleci.api.tables.exporters import EXPORTERS
from service.circleci.api.tables.hooks import HOOKS
from service.circleci.api.tables.insights import INSIGHTS
from service.circleci.api.tables.organizations import ORGANIZATIONS
from service.circleci.api.tables.pipelines import PIPELINES
from service.circleci.api.tables.schedules import SCHEDULES
from service.circleci.api.tables.settings import SETTINGS
from service.circleci.api.tables.usage import USAGE

ENDPOINTS: Mapping[str, Endpoint] = {  # by the name of the method that calls it
    **BUILDS,
    **PIPELINES,
    **HOOKS,
    **EXPORTERS,
    **INSIGHTS,
    **ORGANIZATIONS,
    **ARTIFACTS,
    **USAGE,
    **SETTINGS,
    **ACTIONS,
    **SCHEDULES,
}

"""The endpoints that manage webhooks."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

HOOKS: Mapping[str, Endpoint] = {
    "webhooks": Endpoint(
        path="/webhook",
        purpose="the webhooks of a project",
        right=Right.ADMIN,
        is_optional=False,
        is_list=True,
        operation="getWebhooks",
    ),
    "create_webhook": Endpoint(
        method="POST",
        path="/webhook",
        purpose="register our address at a project",
        right=Right.ADMIN,
        is_optional=False,
        operation="createWebhook",
    ),
    "update_webhook": Endpoint(
        method="PUT",
        path="/webhook/{id}",
        purpose="change a webhook of ours, its secret included",
        right=Right.ADMIN,
        is_optional=False,
        operation="updateWebhook",
    ),
    "delete_webhook": Endpoint(
        method="DELETE",
        path="/webhook/{id}",
        purpose="delete a webhook of ours",
        right=Right.ADMIN,
        is_optional=False,
        operation="deleteWebhook",
    ),
}

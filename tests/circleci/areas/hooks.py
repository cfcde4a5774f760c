"""Webhooks. They are answered with underscores, though hyphens are described."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing import sample_runs
from service.testing.fake_circleci.server import FakeCircleCI
from tests.testing.test_fake_circleci import MONDAY

WEBHOOK = {"created_at", "events", "id", "name", "scope", "signing_secret", "updated_at", "url", "verify_tls"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "getWebhooks": ("GET", "/webhook", WEBHOOK),
    "createWebhook": ("POST", "/webhook", WEBHOOK),
    "updateWebhook": ("PUT", "/webhook/{webhook-id}", WEBHOOK),
    "deleteWebhook": ("DELETE", "/webhook/{webhook-id}", {"message"}),
}

HOOK = {"name": "Roundsman", "url": "https://roundsman.example.com/hooks/circleci", "events": ["workflow-completed"]}
PRESENT = "a8a6d1c4-0000-4000-8000-000000000001"


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    scope = {"id": sample_runs.web_main_red(MONDAY).project.id, "type": "project"}
    body = {**HOOK, "scope": scope, "verify-tls": True}
    times = dict.fromkeys(("created-at", "updated-at"), "2026-03-02T08:00:00Z")
    fake.hooks.registered[PRESENT] = {**body, **times, "id": PRESENT, "signing-secret": "obviously-fake"}
    return {
        "webhooks": api.webhooks(scope["id"]),
        "create_webhook": api.create_webhook(body, secret="obviously-fake"),
        "update_webhook": api.update_webhook(PRESENT, HOOK, secret="obviously-fake"),
        "delete_webhook": api.delete_webhook(PRESENT),
    }

"""Hooks at CircleCI: the outbound webhooks of a project.

Source: CircleCI API v2 reference, "Webhook". At most five for each project; only an organization admin may change them.
A signing secret is sent and never read: CircleCI shows it masked, so it cannot even be compared.

A write names keys with hyphens, an answer with underscores. CircleCI drops keys that it does not know and still answers
with success, so the answer is compared with the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.endpoint import Endpoint
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.responses import HookShape
from service.errors import Permanent
from service.model import Hook


@dataclass(frozen=True, kw_only=True)
class HookRequest:
    """The values to write to a hook; a ``verify_tls`` of None leaves it as it is."""

    name: str
    url: str
    events: Sequence[str]
    verify_tls: bool | None = None
    secret: str = field(repr=False)

    def body(self, *, separator: str = "-") -> dict[str, object]:
        """Return the body of the request, without the secret.

        separator   stands between the words of a key
        """
        flags = {} if self.verify_tls is None else {f"verify{separator}tls": self.verify_tls}
        return {"name": self.name, "url": self.url, "events": list(self.events), **flags}

    def mismatches(self, hook: Hook) -> list[str]:
        """Return the differences of a hook from the request, in keys with two spellings.

        The secret itself cannot be compared, since CircleCI never shows it.
        """
        mismatches = [] if hook.has_secret else ["it has no secret"]
        if self.verify_tls is not None and hook.verify_tls is not self.verify_tls:
            mismatches.append("it verifies TLS" if hook.verify_tls else "it does not verify TLS")
        return mismatches


async def list_hooks(api: CircleCIAPI, project_id: str) -> list[Hook]:
    """Return the hooks of a project, in CircleCI's order.

    Raises Permanent if there are too many to read, or Temporary.
    """
    found = await api.webhooks(project_id)
    if not found.is_last:  # one of ours that we did not see would be made a second time
        raise Permanent(f"CircleCI lists no end of webhooks for one project: {len(found.items)} were read")
    return [hook_of(shape) for shape in found.items]


async def create_hook(api: CircleCIAPI, project_id: str, request: HookRequest) -> Hook:
    """Create a hook; it verifies TLS only if the request asks for it."""
    body = {**request.body(), "scope": {"id": project_id, "type": "project"}}
    hook = hook_of(await api.create_webhook(body, secret=request.secret))
    return await _settle(api, ENDPOINTS["create_webhook"], request, hook)


async def update_hook(api: CircleCIAPI, hook_id: str, request: HookRequest) -> Hook:
    """Change a hook; keys that the request leaves out stay as they are."""
    hook = hook_of(await api.update_webhook(hook_id, request.body(), secret=request.secret))
    return await _settle(api, ENDPOINTS["update_webhook"], request, hook)


async def delete_hook(api: CircleCIAPI, hook_id: str) -> None:
    """Delete a hook."""
    await api.delete_webhook(hook_id)


async def _settle(api: CircleCIAPI, endpoint: Endpoint, request: HookRequest, hook: Hook) -> Hook:
    """Return the hook that was written, as it is now; raise Permanent if it differs.

    If CircleCI accepted the call but not a value in it, the other spelling of the keys is tried, once, in a PUT.
    """
    if not request.mismatches(hook):
        return hook
    body = request.body(separator="_")
    hook = hook_of(await api.update_webhook(hook.id, body, secret=request.secret, body_key="signing_secret"))
    if mismatches := request.mismatches(hook):
        raise Permanent(
            f"CircleCI took {endpoint}, and {ENDPOINTS['update_webhook']} in the other spelling, "
            "but not what they asked for: "
            f"of hook {hook.id} it answers that {' and '.join(mismatches)}; "
            "set that at CircleCI by hand, in the project's settings under Webhooks"
        )
    return hook


def hook_of(shape: HookShape) -> Hook:
    """Return a hook in our words; raise Permanent for one without an id or a URL."""
    if shape.id is None or shape.url is None:
        raise Permanent("CircleCI described a webhook without an id or a URL")
    return Hook(
        id=shape.id,
        name=shape.name or "",
        url=shape.url,
        events=shape.events,
        verify_tls=shape.verify_tls,
        has_secret=shape.signing_secret,
    )

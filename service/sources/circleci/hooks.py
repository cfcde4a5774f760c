"""Hooks at CircleCI: the outbound webhooks of a project.

Source: CircleCI API v2 reference, "Webhook". At most five for each project; only an organization admin may change them.
A signing secret is sent and never read: CircleCI shows it masked, so it cannot even be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.errors import Permanent
from service.model import Hook
from service.sources.circleci.answers import HookShape
from service.sources.circleci.client import Client
from service.sources.circleci.exchange import Call


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a hook shall be."""

    name: str
    url: str
    events: Sequence[str]
    secret: str = field(repr=False)

    @property
    def body(self) -> dict[str, object]:
        """In CircleCI's words, without the secret."""
        return {"name": self.name, "url": self.url, "events": list(self.events)}


async def list_hooks(client: Client, project_id: str) -> list[Hook]:
    """Return the hooks of a project, in CircleCI's order; raises Permanent when there is no end of them."""
    call = Call(template="/webhook", query={"scope-id": project_id, "scope-type": "project"})
    found = await client.whole_list(call, HookShape)
    if not found.is_last:  # one of ours that we did not see would be made a second time
        raise Permanent(f"CircleCI lists no end of webhooks for one project: {len(found.items)} were read")
    return [hook_of(shape) for shape in found.items]


async def create_hook(client: Client, project_id: str, wish: Wish) -> Hook:
    """Make a hook; the fields are all required."""
    scope = {"id": project_id, "type": "project"}
    body = {**wish.body, "verify-tls": True, "scope": scope}
    call = Call(method="POST", template="/webhook", body=body, secret=wish.secret)
    return hook_of(await client.ask(call, HookShape))


async def update_hook(client: Client, hook_id: str, wish: Wish) -> Hook:
    """Change a hook; whether it verifies TLS stays as it is, somebody may have had a reason."""
    call = Call(method="PUT", template="/webhook/{id}", parts={"id": hook_id}, body=wish.body, secret=wish.secret)
    return hook_of(await client.ask(call, HookShape))


async def delete_hook(client: Client, hook_id: str) -> None:
    """Take a hook away."""
    await client.tell(Call(method="DELETE", template="/webhook/{id}", parts={"id": hook_id}))


def hook_of(shape: HookShape) -> Hook:
    """A hook in our words; raises Permanent for one that could not be told from others."""
    if shape.id is None or shape.url is None:
        raise Permanent("CircleCI described a webhook without an id or a URL")
    return Hook(
        id=shape.id,
        name=shape.name or "",
        url=shape.url,
        events=shape.events,
        verify_tls=shape.verify_tls,
    )

"""The difference of a project's hook from what roundsman.yaml wants. Pure."""

from collections.abc import Sequence

from service.model import Hook, HookSpec, HookState
from service.operations.hooks.hook_addresses import host_of, posts_to_us
from service.operations.hooks.hook_steps import find_flaws

APPLY = "`roundsman hooks apply` mends it"
ORPHAN = "a hook of ours is there, though it is "
TLS_OFF = "it no longer verifies TLS"
TLS_REMEDY = (
    "turn that on again in the project's settings at CircleCI, under Webhooks; `roundsman hooks apply` leaves it as it "
    "is, and takes it for meant"
)


def find_drift(spec: HookSpec, present: Sequence[Hook], known: HookState | None, our_url: str) -> str | None:
    """Return the difference as a phrase; None if there is none.

    known   the hook as it was applied or last looked at
    """
    own = [hook for hook in present if posts_to_us(hook, our_url)]
    if not own:
        return _absence(present, known)
    [hook, *surplus] = own
    words = find_flaws(spec, hook)
    if known and known.hook_id == hook.id and known.verify_tls not in {None, hook.verify_tls}:
        words.append("it verifies TLS now" if hook.verify_tls else TLS_OFF)
    if surplus:
        words.append(f"{len(own)} hooks post to our address, {len(surplus)} too many")
    return "; ".join(words) or None


def remedy_of(drift: str) -> str | None:
    """Return the next step for a difference; None if its words name it."""
    if drift.startswith(ORPHAN):
        return None
    if TLS_OFF not in drift:
        return APPLY
    return TLS_REMEDY if drift == TLS_OFF else f"{APPLY}, but for TLS: {TLS_REMEDY}"


def _absence(present: Sequence[Hook], known: HookState | None) -> str:
    if known is None or known.hook_id is None:
        return "there is no hook"
    moved = next((hook for hook in present if hook.id == known.hook_id), None)
    return f"the hook posts to {host_of(moved)} now, and not to us" if moved else "the hook was deleted"

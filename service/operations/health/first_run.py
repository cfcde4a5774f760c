"""The first run's steps, done or to do, and the posts that were refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from service.config.configuration import Config
from service.db.tables import Transaction
from service.model import DeliveryState, KnownHook
from service.operations.hooks.hook_addresses import HOOK_PATH, find_obstacle
from service.operations.json_shapes import Json
from service.operations.queries import list_refusals
from service.store.circleci import hooks
from service.store.deliveries import deliveries

MESSAGES_LACK = (
    "ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs, tests and the actor, and hooks are added by hand"
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The settings that decide whether a first webhook can come.

    secrets, routes, wanted_hooks   how many of each are configured
    """

    public_url: str | None = None
    circleci_url: str = "https://circleci.com"
    secrets: int = 1
    has_token: bool = False
    routes: int = 0
    wanted_hooks: int = 0


class StepState(StrEnum):
    """The state of a step."""

    DONE = "done"
    TODO = "to_do"
    OPTIONAL = "optional"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the first run; the sentence states the setting, or the task."""

    what: str
    state: StepState
    sentence: str


class FirstRun:
    """The state of the first run: the setup, and the posts received so far."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def reload(self, config: Config) -> None:
        """Apply a reloaded configuration: secrets, token, and all of roundsman.yaml.

        The addresses keep the values of the process's start.
        """
        renewed, began = read_setup(config), self._setup
        self._setup = replace(renewed, public_url=began.public_url, circleci_url=began.circleci_url)

    def pending_state(self, transaction: Transaction) -> DeliveryState | None:
        """Return the state of an accepted post that is not an event yet.

        None if there is no such post.
        """
        return deliveries.any_unsettled(transaction)

    def report(self, transaction: Transaction) -> Json:
        """Return ``steps``, the last ``refusals``, and the ``address`` to post to.

        ``address`` is None if CircleCI cannot post to the public URL.
        """
        known = hooks.find_all(transaction)
        refusals: list[Json] = list_refusals(transaction)["items"]
        obstacle = find_obstacle(self._setup.public_url, self._setup.circleci_url)
        return {
            "address": None if obstacle else f"{self._setup.public_url}{HOOK_PATH}",
            "steps": [*_settings_steps(self._setup, obstacle), _hooks_step(self._setup, known), _posts_step(refusals)],
            "refusals": refusals,
        }


def read_setup(config: Config) -> Setup:
    """Return the settings that the first run depends on."""
    settings = config.settings
    return Setup(
        public_url=settings.public_url,
        circleci_url=settings.circleci_url,
        secrets=len(settings.webhook_secrets),
        has_token=settings.circleci_token is not None,
        routes=len(config.routes),
        wanted_hooks=len(config.hooks),
    )


def _settings_steps(setup: Setup, obstacle: str | None) -> list[Step]:
    signing = "the secret" if setup.secrets == 1 else f"the first of {setup.secrets} secrets"
    routes = _counted(setup.routes, "route")
    return [
        _step("Public address", not obstacle, setup.public_url or "", obstacle or ""),
        _step(
            "Webhook secret",
            setup.secrets > 0,
            f"CircleCI signs with {signing} in ROUNDSMAN_WEBHOOK_SECRETS",
            "ROUNDSMAN_WEBHOOK_SECRETS is not set: make a secret with openssl rand -hex 32",
        ),
        _step("Routes", setup.routes > 0, f"{routes} in roundsman.yaml", "roundsman.yaml has no route: add one"),
        replace(
            _step("CircleCI token", setup.has_token, "ROUNDSMAN_CIRCLECI_TOKEN is set", MESSAGES_LACK),
            state=StepState.DONE if setup.has_token else StepState.OPTIONAL,
        ),
    ]


def _hooks_step(setup: Setup, known: Sequence[KnownHook]) -> Step:
    projects = list(dict.fromkeys(hook.project for hook in known))
    some = ", ".join(projects[:3]) + (f" and {len(projects) - 3} more" if len(projects) > 3 else "")
    has = f"{_counted(len(known), 'hook')} at CircleCI, last seen by the hooks commands: {some}"
    return _step("Hook at CircleCI", bool(known), has, f"no hook is known yet: {_next_hook_task(setup)}")


def _next_hook_task(setup: Setup) -> str:
    by_hand = "add one by hand in CircleCI's project settings"
    if not setup.has_token:
        return f"{by_hand}, or set ROUNDSMAN_CIRCLECI_TOKEN and have `roundsman hooks apply` add it"
    listed = "" if setup.wanted_hooks else "list your projects under hooks in roundsman.yaml, then "
    return f"{listed}run `roundsman hooks apply`, or {by_hand}"


def _posts_step(refusals: Sequence[Json]) -> Step:
    """Return the last step; it is never done: an accepted post ends the first run."""
    sentence = "nothing has been posted here yet: press Test Ping Event at CircleCI, beside the hook"
    if refusals:
        last = refusals[0]
        count = sum(refusal["count"] for refusal in refusals)
        were = "was" if count == 1 else "were"
        sentence = f"at least {_counted(count, 'post')} {were} refused, the last one on record because {last['reason']}"
    return Step(what="First signed post", state=StepState.TODO, sentence=sentence)


def _step(what: str, is_done: bool, done: str, to_do: str) -> Step:
    return Step(what=what, state=StepState.DONE if is_done else StepState.TODO, sentence=done if is_done else to_do)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""Commands for the claims of OIDC tokens: oidc-claims show, set, clear."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, TypeVar

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.cli._circleci import managing_config
from service.cli._commands import Group
from service.cli._output import AsJson, print_json, print_table, say
from service.errors import BadRequest
from service.metrics import Metrics
from service.operations.hooks.claims import (
    CLAIMS,
    ClaimsTarget,
    ClaimStep,
    apply_claims,
    find_target,
    plan_claims,
    read_claims,
)
from service.terminal import Column
from service.text import shorten_units

T = TypeVar("T")
TTL = re.compile(r"(?:[0-9]{1,5}(?:ms|s|m|h|d|w)){1,7}")  # source: the pattern of JSONClaims in CircleCI's description
COLUMNS = (Column(heading="claim"), Column(heading="now", cut_to=8), Column(heading="will be", can_wrap=True))
OWN = "CircleCI's own"

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Its slug, such as gh/acme/web.")]
OfOrg = Annotated[bool, typer.Option("--org", help="The claims of its organization, which hold for all projects.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; without this only say what would be done.")]
Audience = Annotated[list[str] | None, typer.Option(metavar="NAME", help="An audience; may be given several times.")]
Ttl = Annotated[str, typer.Option(metavar="TIME", help="How long a token is valid: 30m, 1h30m.")]

oidc_claims = Group("See and set the claims of CircleCI's OIDC tokens.")


@oidc_claims.command("show")
def show(project: Project, org: OfOrg = False, as_json: AsJson = False) -> None:
    """Show the claims that are set."""

    async def read(source: CircleCI) -> tuple[ClaimsTarget, dict[str, str]]:
        target = await find_target(source, project, is_of_org=org)
        return target, await read_claims(source, target)

    target, found = _with_source(read)
    if as_json:
        print_json({"of": target.name, "claims": found})
        return
    for name in CLAIMS:
        say(f"{name} of {target.name}: {found.get(name, OWN)}")


@oidc_claims.command("set")
def set_claims(  # noqa: PLR0913, PLR0917 - each is an option
    project: Project,
    audience: Audience = None,
    ttl: Ttl = "",
    org: OfOrg = False,
    is_applied: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Plan a change, and do it with --apply.

    The claims are read back after that.
    """
    if not audience and not ttl:
        raise BadRequest("give --audience NAME or --ttl TIME, or both")
    ttl = shorten_units(ttl)
    if ttl and not TTL.fullmatch(ttl):
        raise BadRequest(f"--ttl {ttl} is no time; write 30m, 1h30m or the like")
    wanted: dict[str, str | None] = {}
    if audience:
        wanted["audience"] = ", ".join(sorted({name.strip() for name in audience if name.strip()}))
    if ttl:
        wanted["ttl"] = ttl
    _change(project, wanted, is_of_org=org, is_applied=is_applied, as_json=as_json)


@oidc_claims.command("clear")
def clear(  # noqa: PLR0917 - each is an option
    project: Project,
    claims: Annotated[list[str] | None, typer.Argument(metavar="CLAIM", help="audience, ttl; both if none.")] = None,
    org: OfOrg = False,
    is_applied: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Plan to set claims back, and do it with --apply."""
    if unknown := sorted(set(claims or ()) - set(CLAIMS)):
        raise BadRequest(f"{unknown[0]} is not a claim; there are {' and '.join(CLAIMS)}")
    wanted = dict.fromkeys(claims or CLAIMS)
    _change(project, wanted, is_of_org=org, is_applied=is_applied, as_json=as_json)


def _change(
    project: str, wanted: Mapping[str, str | None], *, is_of_org: bool, is_applied: bool, as_json: bool
) -> None:
    """Plan, and apply if asked; exit code 1 for a plan with something to do."""

    async def work(source: CircleCI) -> tuple[ClaimsTarget, list[ClaimStep]]:
        target = await find_target(source, project, is_of_org=is_of_org)
        steps = plan_claims(await read_claims(source, target), wanted)
        if is_applied and any(step.is_needed for step in steps):
            await apply_claims(source, target, steps)
        return target, steps

    target, steps = _with_source(work)
    is_needed = any(step.is_needed for step in steps)
    if as_json:
        shown = [{"claim": one.claim, "before": one.before, "after": one.after} for one in steps]
        print_json({"of": target.name, "steps": shown, "applied": is_applied and is_needed})
    else:
        _print(target, steps, is_applied=is_applied)
    if is_needed and not is_applied:
        raise typer.Exit(1)


def _print(target: ClaimsTarget, steps: Sequence[ClaimStep], *, is_applied: bool) -> None:
    needed = [step for step in steps if step.is_needed]
    if not needed:
        say(f"the claims of {target.name} are as asked for")
        return
    print_table(COLUMNS, [(step.claim, step.before or OWN, step.after or OWN) for step in needed])
    say(f"the claims of {target.name} are set, and read back" if is_applied else "nothing was done: add --apply")


def _with_source(work: Callable[[CircleCI], Awaitable[T]]) -> T:
    config = managing_config("claims are read and set with")

    async def run() -> T:
        source = circleci(config, metrics=Metrics())
        try:
            return await work(source)
        finally:
            await source.close()

    return asyncio.run(run())

"""Commands that act on a build at CircleCI: rerun, cancel, approve."""

from typing import Annotated
from uuid import UUID

import typer

from service.circleci.api.circleci_api import CircleCIAPI
from service.cli._circleci import Yes, managing_config, with_admin_api
from service.cli._database import with_store
from service.cli._output import AsJson, print_json, say
from service.cli._subjects import confirm
from service.config.settings import Settings
from service.db.database import Store
from service.model.build_acts import ActOutcome, ActResult, ActVerb, BuildAct
from service.operations.builds.act_subjects import find_workflow
from service.operations.builds.build_acts import Recorder, act_on_build, result_json
from service.text import capitalize_first, humanize

Build = Annotated[
    str,
    typer.Argument(
        metavar="BUILD",
        help="An event's id, or its first 8 digits from `roundsman events list`; or a workflow's whole id.",
    ),
]
FROM_FAILED = "rerun from failed"
OfJob = Annotated[str, typer.Option("--job", metavar="NAME", help="Which job, where several fit.")]


def rerun(
    build: Build,
    from_failed: Annotated[bool, typer.Option("--from-failed", help="Only what failed, and what needs it.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run a workflow again at CircleCI.

    Asks first. It is on record, and never repeated by itself: where CircleCI's answer is lost, it looks whether it was
    done. Exit code 1 when it was not, or is not known to be.
    """
    _act(ActVerb.RERUN_FAILED if from_failed else ActVerb.RERUN, build, None, yes=yes, as_json=as_json)


def cancel(
    build: Build,
    job: OfJob = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a workflow at CircleCI, or one job of it.

    Asks first, and is on record. Exit code 1 when it was not done, or is not known to be.
    """
    _act(ActVerb.CANCEL_JOB if job else ActVerb.CANCEL, build, job or None, yes=yes, as_json=as_json)


def approve(
    build: Build,
    job: OfJob = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Approve a job that waits for it at CircleCI.

    Asks first, and is on record. Exit code 1 when it was not done, or is not known to be.
    """
    _act(ActVerb.APPROVE, build, job or None, yes=yes, as_json=as_json)


def _act(verb: ActVerb, build: str, job: str | None, *, yes: bool, as_json: bool) -> None:
    config = managing_config("builds are acted on with")
    workflow_id, name = with_store(lambda _, store: _find(_, store, build))
    of_job = f" job {job} of" if job else ""
    words = _words(verb)
    confirm(f"{capitalize_first(words)}{of_job} {name} at CircleCI?", is_confirmed=yes)
    asked = BuildAct(verb=verb, workflow_id=workflow_id, job=job)

    async def do(api: CircleCIAPI, _: Store, recorder: Recorder) -> ActResult:
        return await act_on_build(api, asked, recorder)

    finish(with_admin_api(config, do), verb, as_json=as_json)


async def _find(_: Settings, store: Store, build: str) -> tuple[UUID, str]:
    return await find_workflow(store, build)


def _words(verb: str) -> str:
    return FROM_FAILED if verb == ActVerb.RERUN_FAILED else humanize(verb)


def finish(result: ActResult, verb: str, *, as_json: bool) -> None:
    """Print the result of an act. Exits with 1 unless it is known to be done."""
    if as_json:
        print_json(result_json(result, verb))
    else:
        say(f"{_words(verb)}: {result.outcome}; {result.sentence}")
    if result.outcome is not ActOutcome.DONE:
        raise typer.Exit(1)

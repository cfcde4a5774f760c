"""The command that starts a pipeline at CircleCI: trigger."""

from typing import Annotated

import typer

from service.circleci.api.circleci_api import CircleCIAPI
from service.cli._circleci import Yes, managing_config, with_admin_api
from service.cli._known_names import require_slug
from service.cli._output import AsJson
from service.cli._subjects import confirm
from service.cli.rerun import finish
from service.db.database import Store
from service.model.build_acts import ActResult, Trigger
from service.operations.builds.build_acts import Recorder
from service.operations.builds.triggers import VERB, describe, to_parameters, trigger_pipeline


def trigger(  # noqa: PLR0913, PLR0917 - one option each
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="A slug or name, such as acme/web.")],
    branch: Annotated[str, typer.Option(metavar="NAME", help="On this branch; else the default one.")] = "",
    tag: Annotated[str, typer.Option(metavar="NAME", help="On this tag.")] = "",
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A pipeline parameter; true, false and numbers are such. Repeatable."),
    ] = None,
    definition: Annotated[str, typer.Option(metavar="ID", help="Which of the project's pipelines.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Start a pipeline at CircleCI.

    Asks first. It is on record, and never repeated by itself: where CircleCI's answer is lost, it looks whether a
    pipeline was started. Exit code 1 when none was, or none is known to be.
    """
    config = managing_config("pipelines are triggered with")
    asked = Trigger(
        project=require_slug(project),
        branch=branch or None,
        tag=tag or None,
        parameters=to_parameters(parameter or ()),
        definition_id=definition or None,
    )
    confirm(f"Start {describe(asked)}, at CircleCI?", is_confirmed=yes)

    async def do(api: CircleCIAPI, _: Store, recorder: Recorder) -> ActResult:
        return await trigger_pipeline(api, asked, recorder)

    finish(with_admin_api(config, do), VERB, as_json=as_json)

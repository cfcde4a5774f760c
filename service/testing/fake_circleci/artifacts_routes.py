"""Routes of the fake CircleCI for configurations and artifacts."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.organization import JobRun, Run
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.webhooks import error_response

SOURCE = """\
version: 2.1
# comments stand in the source alone
jobs:
  unit:
    docker:
      - image: cimg/python:3.12
    steps:
      - run: pytest
"""
COMPILED = "# Orb 'acme/ci@1.0.0' resolved\nversion: 2\njobs:\n  unit:\n    steps:\n    - run: {command: pytest}\n"


class FakeArtifacts:
    """The configurations and artifacts of the fake CircleCI.

    find_pipeline   returns a run of a pipeline
    find_job        returns a job by the project's slug and its number
    configs         answers to replace the usual one, by pipeline
    left            the artifacts of jobs, by number, to replace the usual one
    """

    def __init__(
        self,
        find_pipeline: Callable[[str], Run | None],
        find_job: Callable[[str, int], tuple[Run, JobRun] | None],
        *,
        page_size: int,
    ) -> None:
        self.configs: dict[str, Mapping[str, str]] = {}
        self.left: dict[int, list[Any]] = {}
        self._find_pipeline = find_pipeline
        self._find_job = find_job
        self._page_size = page_size

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{prefix}/pipeline/{{id}}/config", self._config),
            Route(f"{prefix}/project/{{slug:path}}/{{number:int}}/artifacts", self._artifacts),
        ]

    async def _config(self, request: Request) -> Response:
        pipeline_id = request.path_params["id"]
        run = self._find_pipeline(pipeline_id)
        if run is None:
            return error_response(404, "Pipeline not found")
        answer: dict[str, str] = {"source": SOURCE, "compiled": COMPILED}
        if run.is_setup:
            answer |= {"setup-config": SOURCE, "compiled-setup-config": COMPILED}
        return JSONResponse(self.configs.get(pipeline_id, answer))

    async def _artifacts(self, request: Request) -> Response:
        slug: str = request.path_params["slug"]
        short = "gh/" + slug.removeprefix("github/") if slug.startswith("github/") else slug
        number = request.path_params["number"]
        found = self._find_job(short, number)
        if found is None:
            return error_response(404, "Job not found")
        run, job = found
        url = f"https://output.circle-artifacts.com/output/job/{run.job_id(job)}/artifacts/0/reports/junit.xml"
        usual = [{"path": "reports/junit.xml", "node_index": 0, "url": url}]
        return page(request, self.left.get(number, usual), size=self._page_size)

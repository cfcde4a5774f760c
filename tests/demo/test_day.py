"""The demo's day: what it shows, in CircleCI's own words, and how it is played and counted."""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
import yaml
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.day import CLOSED_CHANNELS, acts_of_the_day, roundsman_yaml
from service.demo.play import Act, AnswerCounts, Scene, narrator, play
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA, MOBILE, ORG_ID, PROJECTS, SHOP_API, base58
from service.testing.fake_circleci.payloads import as_bytes, cancellation_storm, job_completed, workflow_completed
from service.testing.fake_circleci.sender import Answer, Post, Sender, Signing, signature
from service.testing.fake_circleci.server import FakeCircleCI

MONDAY = date(2026, 3, 2)
SECRET = "obviously-fake"
ACTS = acts_of_the_day(MONDAY)
POSTS = [post for act in ACTS for post in act.posts]


def read(post: Post) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(post.body)
    return body


def moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def statuses() -> Counter[tuple[str, str]]:
    genuine = [post for post in POSTS if post.signing is Signing.CORRECT]
    bodies = [read(post) for post in genuine if post.event_type == "workflow-completed"]
    return Counter((body["project"]["name"], body["workflow"]["status"]) for body in bodies)


def test_a_workflows_end_of_a_github_oauth_project_has_a_vcs_map() -> None:
    red = sample_runs.web_main_red(MONDAY)

    body = workflow_completed(red)

    assert body["happened_at"] == "2026-03-02T09:12:00.130Z"
    assert body["project"]["slug"] == "github/acme/web"
    assert body["pipeline"]["vcs"]["commit"]["author"] == {"name": "Ada Example", "email": "ada@example.com"}
    assert body["workflow"] == {
        "id": red.workflow_id,
        "name": "build-and-test",
        "created_at": "2026-03-02T09:07:00.000Z",
        "stopped_at": "2026-03-02T09:12:00.000Z",
        "url": f"https://app.circleci.com/pipelines/github/acme/web/1487/workflows/{red.workflow_id}",
        "status": "failed",
    }


def test_a_jobs_end_comes_50_ms_before_its_workflows_and_does_not_say_the_workflows_status() -> None:
    red = sample_runs.web_main_red(MONDAY)

    job, workflow = job_completed(red, red.jobs[1]), workflow_completed(red)

    assert moment(workflow["happened_at"]) - moment(job["happened_at"]) == timedelta(milliseconds=50)
    assert (job["job"]["number"], job["job"]["status"]) == (5921, "failed")
    assert job["workflow"] == {key: value for key, value in workflow["workflow"].items() if key != "status"}


def test_the_github_app_has_trigger_parameters_an_opaque_slug_and_gos_way_of_writing_times() -> None:
    run = sample_runs.mobile_main(MONDAY)

    body = workflow_completed(run)

    given = body["pipeline"]["trigger_parameters"]
    assert "vcs" not in body["pipeline"]
    assert body["project"]["slug"] == f"circleci/{base58(ORG_ID)}/{base58(MOBILE.id)}"
    assert given["circleci"]["event_time"] == "2026-03-02 08:44:00.000000256 +0000 UTC"
    assert (given["git"]["branch"], given["git"]["tag"], given["git"]["ref"]) == ("main", "", "refs/heads/main")
    assert given["github_app"]["commit_title"] == "Show the basket offline"


@pytest.mark.parametrize(  # the two halves of the slug in CircleCI's documented GitLab sample
    ("made", "letters"),
    [
        ("66491562-90a9-4065-9249-4b0ce3b77452", "DdaVtNusHqi24D4YT3X4eu"),
        ("2a68fe5f-2fe5-4d4f-91e1-15f111116743", "6EkDPZoN4ZdMKKZtBkRodt"),
    ],
)
def test_an_opaque_slug_is_made_of_the_ids_as_circleci_makes_it(made: str, letters: str) -> None:
    assert base58(made) == letters


def test_a_tag_has_no_branch_no_name_and_no_commit_in_a_webhook() -> None:
    vcs = workflow_completed(sample_runs.web_release(MONDAY))["pipeline"]["vcs"]

    assert vcs["branch"] is None
    assert "tag" not in vcs
    assert vcs["commit"] == {
        "subject": None,
        "body": None,
        "author": {"name": None, "email": None},
        "authored_at": None,
        "committer": {"name": None, "email": None},
        "committed_at": None,
    }


def test_canceling_three_jobs_posts_four_ends_of_one_workflow_each_later_than_the_one_before() -> None:
    storm = list(cancellation_storm(sample_runs.mobile_canceled(MONDAY)))

    stops = [body["workflow"]["stopped_at"] for body in storm]
    assert len(storm) == len({body["id"] for body in storm}) == 4
    assert len({body["workflow"]["id"] for body in storm}) == 1
    assert stops == sorted(stops)
    assert stops[0] == storm[0]["workflow"]["created_at"]


def test_event_ids_are_version_3_and_the_same_whenever_they_are_made() -> None:
    first, second = (workflow_completed(sample_runs.api_main(MONDAY)) for _ in range(2))

    assert as_bytes(first) == as_bytes(second)
    assert re.fullmatch(r"\w{8}-\w{4}-3\w{3}-\w{4}-\w{12}", first["id"])


def test_the_acts_follow_the_clock() -> None:
    times = [act.at for act in ACTS]

    assert times == sorted(times)
    assert {moment.date() for moment in times} == {MONDAY}


def test_pipelines_of_a_project_follow_the_clock() -> None:
    pushed = sorted((run.project.name, run.pushed_at, run.number) for act in ACTS for run in act.runs)

    for project in PROJECTS:
        numbers = [number for name, _, number in pushed if name == project.name]
        assert numbers == sorted(numbers)


def test_no_two_runs_are_one() -> None:
    runs = [run for act in ACTS for run in act.runs]
    jobs = [(run.project.name, job.number) for run in runs for job in run.jobs if job.number is not None]

    assert len({run.workflow_id for run in runs}) == len(runs)
    assert [place for place, count in Counter(jobs).items() if count > 1] == []


def test_the_day_pauses_for_half_a_minute_beside_its_work() -> None:
    assert 20 <= sum(act.lasts_s for act in ACTS) <= 30
    assert 60 <= len(POSTS) <= 80


def test_the_day_shows_every_way_a_workflow_can_end() -> None:
    assert statuses() == {
        ("shop-api", "success"): 7,
        ("mobile", "success"): 5,
        ("web", "success"): 11,
        ("web", "failed"): 7,  # one of them is the duplicate
        ("shop-api", "failed"): 6,
        ("mobile", "failed"): 3,
        ("mobile", "canceled"): 13,
        ("shop-api", "unauthorized"): 1,
        ("shop-api", "error"): 1,
    }


def test_only_one_post_is_a_duplicate_and_it_repeats_the_bytes() -> None:
    sealed = Counter(post.body for post in POSTS if post.signing is Signing.CORRECT)
    ids = Counter(json.loads(body)["id"] for body in sealed)

    assert sorted(sealed.values(), reverse=True)[:2] == [2, 1]
    assert set(ids.values()) == {1}


def test_two_strangers_post() -> None:
    assert [post.signing for post in POSTS if post.signing is not Signing.CORRECT] == [
        Signing.WRONG,
        Signing.NONE,
    ]


def test_one_type_is_unknown() -> None:
    known = {"workflow-completed", "job-completed", "ping"}

    assert [post.event_type for post in POSTS if post.event_type not in known] == ["pipeline-paused"]


def test_only_a_project_whose_hook_asks_for_jobs_posts_them() -> None:
    bodies = [read(post) for post in POSTS if post.event_type == "job-completed"]

    assert {body["project"]["name"] for body in bodies} == {"web"}
    assert "deploy-production" in {body["job"]["name"] for body in bodies}
    assert "approve-production" not in {body["job"]["name"] for body in bodies}


def test_the_rerun_has_the_pipeline_of_the_red_one() -> None:
    flaky, rerun = workflow_completed(sample_runs.api_flaky(MONDAY)), workflow_completed(sample_runs.api_rerun(MONDAY))

    assert flaky["pipeline"] == rerun["pipeline"]
    assert flaky["workflow"]["id"] != rerun["workflow"]["id"]
    assert (flaky["workflow"]["status"], rerun["workflow"]["status"]) == ("failed", "success")


def test_the_routes_of_the_demo_use_every_receiver_and_one_of_them_is_gone() -> None:
    config = yaml.safe_load(roundsman_yaml("127.0.0.1:4000"))

    urls = [url for receiver in config["receivers"].values() for url in receiver["channels"]]
    used = {one["receiver"] for part in ("routes", "digests") for one in config[part]}
    assert used == set(config["receivers"])
    assert len(urls) == len(set(urls)) == 5
    assert [url for url in urls if url.endswith(CLOSED_CHANNELS)] == ["json://127.0.0.1:4000/old-pager"]


def keeper() -> Starlette:
    """A small stand-in for the intake: checks the signature, knows duplicates, keeps nothing else."""
    known: set[bytes] = set()

    async def take(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("circleci-signature") != signature(SECRET, body):
            return JSONResponse({"error": "not signed by us"}, 401)
        is_known = body in known
        known.add(body)
        return JSONResponse({"delivery": "0", "duplicate": is_known}, 202)

    return Starlette(routes=[Route("/hooks/circleci", take, methods=["POST"])])


async def test_the_day_is_played_to_its_end_and_counted() -> None:
    pretend, lines = FakeCircleCI(token="token", owner=ADA, projects=PROJECTS), list[str]()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(keeper()), base_url="http://here") as http:
        sender = Sender(http, url="/hooks/circleci", secret=SECRET)
        scene = Scene(pretend=pretend, send=sender.send, narrate=lambda act: lines.append(act.line))
        tally = await play(ACTS, scene, pace=0)

    assert tally == AnswerCounts(posted=67, kept=64, duplicates=1, rejected=2, unanswered=0)
    assert lines == [act.line for act in ACTS]


async def test_circleci_knows_a_run_before_it_posts_of_it() -> None:
    run = sample_runs.api_main(MONDAY)
    pretend = FakeCircleCI(token="token", owner=ADA)
    api = httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers={"Circle-Token": "token"})

    async def ask(_: Post) -> Answer:
        return Answer(status=(await api.get(f"http://ci/api/v2/workflow/{run.workflow_id}")).status_code)

    async with api:
        act = Act(at=run.stopped_at, line="", runs=(run,), posts=(Post.of(workflow_completed(run)),))
        tally = await play([act], Scene(pretend=pretend, send=ask, narrate=lambda _: None), pace=0)

    assert tally.unanswered == 1  # 200 is no way to take a webhook, but it says that the run was known


async def test_an_act_may_bring_faults_and_they_end() -> None:
    (dark,) = [act for act in ACTS if act.faults]
    pretend = FakeCircleCI(token="token", owner=ADA)

    async def kept(_: Post) -> Answer:
        return Answer(status=202)

    await play([dark], Scene(pretend=pretend, send=kept, narrate=lambda _: None), pace=0)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(pretend.app), headers={"Circle-Token": "token"}) as api:
        url = f"http://ci/api/v2/workflow/{dark.runs[0].workflow_id}"
        assert [(await api.get(url)).status_code for _ in range(2)] == [503, 200]


def test_a_tally_puts_every_answer_in_one_place() -> None:
    answers = [
        Answer(status=202),
        Answer(status=202, is_duplicate=True),
        Answer(status=401),
        Answer(status=413),
        Answer(status=503),
        Answer(status=None),
    ]

    assert AnswerCounts.of(answers) == AnswerCounts(posted=6, kept=1, duplicates=1, rejected=2, unanswered=2)


def test_the_narrator_says_when_and_what() -> None:
    console = Console(file=StringIO(), width=30)

    narrator(console)(ACTS[2])

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == ("08:44  shop-api main is green: no message is needed\n")


def test_projects_use_github_oauth_and_the_github_app() -> None:
    assert [project.slug.partition("/")[0] for project in PROJECTS] == ["gh", "gh", "circleci"]
    assert SHOP_API.repository_url == "https://github.com/acme/shop-api"

"""Search for the pipelines under way, of any age, at a CircleCI with API v3.

One question answers for many projects. It finds what waits for an approval, and what is run again in an old pipeline;
a pipeline that was under way and is no longer found has ended, so that it is asked for at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from service.circleci.api.pipelines import RunShape
from service.circleci.api.request import EndpointMissing
from service.db.tables import Transaction
from service.errors import Permanent
from service.model.reconciling import PipelineToAsk, Urgency
from service.pipeline.reconciling.missed_posts import GRACE, MissedWebhooks
from service.store.circleci import reconciling, second_looks

IS_HELD = 'pipeline.status == "on_hold"'
IS_UNFINISHED = " or ".join(f'pipeline.status == "{one}"' for one in ("on_hold", "running", "failing", "queued"))
FOR = timedelta(days=90)  # after which no workflow of a pipeline can be run again
MAX_PAGES = 20

log = structlog.get_logger()


@dataclass(kw_only=True)
class UnfinishedSearch:
    """The search of one process.

    matching   the filter; the narrow one where CircleCI does not take the wide one
    """

    matching: str = IS_UNFINISHED

    async def run(self, missed: MissedWebhooks) -> None:
        """Have pipelines under way asked for, and those that are so no longer.

        Raises BudgetSpent, Temporary or Permanent.
        """
        projects = await missed.store.read(reconciling.listed_projects)
        ids = sorted(projects)
        for start in range(0, len(ids), reconciling.MAX_PROJECTS):
            some = {one: projects[one] for one in ids[start : start + reconciling.MAX_PROJECTS]}
            try:
                await self._search(missed, some)
            except EndpointMissing:
                raise
            except Permanent as error:
                if self.matching == IS_HELD:
                    raise
                log.warning("CircleCI refuses to search for pipelines under way, so only held ones are", why=str(error))
                self.matching = IS_HELD
                await self._search(missed, some)

    async def _search(self, missed: MissedWebhooks, projects: dict[str, str]) -> None:
        now, token = missed.clock(), None
        found: list[RunShape] = []
        for _ in range(MAX_PAGES):
            await missed.budget.take()
            page = await missed.source.api.pipelines.search_runs(
                list(projects), now - FOR, now, matching=self.matching, token=token
            )
            found += page.items
            if (token := page.next) is None:
                break
        await missed.store.write(self._keep, missed, found, projects, is_whole=token is None)

    def _keep(
        self,
        transaction: Transaction,
        missed: MissedWebhooks,
        found: Sequence[RunShape],
        projects: dict[str, str],
        *,
        is_whole: bool,
    ) -> None:
        now = missed.clock()
        under_way = [_to_ask(one, projects, missed) for one in found]
        second_looks.reopen(
            transaction, [one for one in under_way if one], changed_at=now - GRACE, max_looks=second_looks.ANY
        )
        if is_whole and self.matching == IS_UNFINISHED:
            waiting = second_looks.unfinished_later(transaction, list(projects), after=now + GRACE)
            second_looks.hasten(transaction, waiting - {one.id for one in found if one.id}, now)


def _to_ask(run: RunShape, projects: dict[str, str], missed: MissedWebhooks) -> PipelineToAsk | None:
    """Return a pipeline under way that is to be asked for; None if it says too little."""
    project_id, created_at = run.references.project.id, run.attributes.created_at
    if run.id is None or created_at is None or project_id is None or project_id not in projects:
        return None
    return PipelineToAsk(
        id=run.id,
        project_id=project_id,
        slug=projects[project_id],
        created_at=created_at,
        urgency=Urgency.UNFINISHED,
        due_at=missed.clock(),
    )

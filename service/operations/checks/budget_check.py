"""Check that the budgets of roundsman.yaml can be watched."""

from collections.abc import Iterator

from service.config.configuration import Config
from service.operations.checks.checks import Finding, Grade


def check_budgets(config: Config, *, has_exports: bool) -> Iterator[Finding]:
    """Yield a finding on the budgets, if there are some.

    has_exports   CircleCI writes exports of usage: circleci.com does, a CircleCI Server does not
    """
    if not config.budgets:
        return
    grade = Grade.WARNING
    if config.operators is None:
        grade = Grade.NOTE  # it is a choice: the page of usage shows them
        sentence = "no one is told of one that is spent; name a receiver under `operators:`"
    elif config.settings.circleci_token is None:
        sentence = "usage is not fetched: set ROUNDSMAN_CIRCLECI_TOKEN and ROUNDSMAN_CIRCLECI_ADMIN_TOKEN"
    elif not has_exports:
        sentence = "usage is not fetched: a CircleCI Server writes no exports of it; take them out"
    else:
        whose = "" if config.settings.circleci_admin_token else ", which ROUNDSMAN_CIRCLECI_TOKEN must be then"
        sentence = f"usage is fetched once a day, with the token of an organization admin{whose}"
        yield Finding(what="budgets", grade=Grade.OK, sentence=sentence)
        return
    yield Finding(what="budgets", grade=grade, sentence=sentence)

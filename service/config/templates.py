"""Templates of receivers: checked on sample events when the file is read."""

from typing import Annotated

from pydantic import AfterValidator

from service.message import template_problem


def _headline(written: str) -> str:
    if problem := template_problem(written, is_headline=True):
        raise ValueError(f"{problem}; docs/configuration.md lists the names and what a template may do")
    return written


def _body(written: str) -> str:
    if problem := template_problem(written, is_headline=False):
        raise ValueError(f"{problem}; docs/configuration.md lists the names and what a template may do")
    return written


HeadlineTemplate = Annotated[str, AfterValidator(_headline)]
BodyTemplate = Annotated[str, AfterValidator(_body)]

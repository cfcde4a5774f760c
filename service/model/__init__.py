"""The words of Roundsman: this package is the glossary.

A word means one thing in code, tables, addresses, pages, logs and docs. Absent facts are ``None``, never ``""``;
times are aware and in UTC; units stand in the names.
"""

from service.model.details import FAILED_RESULTS, Details, JobReport, Missing, TestFailure, TestReport, Vcs, Want
from service.model.events import (
    Actor,
    Commit,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Job,
    Pipeline,
    Project,
    Signed,
    Via,
    Workflow,
    slug_spellings,
)
from service.model.processes import Process, Role
from service.model.records import (
    Action,
    Attempt,
    Backlog,
    Decision,
    Headline,
    Message,
    NewJob,
    Notification,
    NotificationState,
    Outcome,
    QueuedJob,
    Session,
    Verdict,
)
from service.model.refusals import KnownHook, Refusal
from service.model.routes import Channel, Hook, HookSpec, Matcher, Receiver, Route
from service.model.story import Aside, Block, Line, Link, Said, Words

__all__ = [
    "FAILED_RESULTS",
    "Action",
    "Actor",
    "Aside",
    "Attempt",
    "Backlog",
    "Block",
    "Channel",
    "Commit",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Details",
    "Event",
    "EventKind",
    "Headline",
    "Hook",
    "HookSpec",
    "Job",
    "JobReport",
    "KnownHook",
    "Line",
    "Link",
    "Matcher",
    "Message",
    "Missing",
    "NewJob",
    "Notification",
    "NotificationState",
    "Outcome",
    "Pipeline",
    "Process",
    "Project",
    "QueuedJob",
    "Receiver",
    "Refusal",
    "Role",
    "Route",
    "Said",
    "Session",
    "Signed",
    "TestFailure",
    "TestReport",
    "Vcs",
    "Verdict",
    "Via",
    "Want",
    "Words",
    "Workflow",
    "slug_spellings",
]

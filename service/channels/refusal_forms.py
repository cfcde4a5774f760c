"""Forms of refusal: the ways in which services refuse in an answer's body.

The status may be any. Many plugins look at the status alone, so this table is read after each send. A value in a body
is compared in its JSON form, strings without their quotes: ``0``, ``false``, ``ok``.

The tables here hold the forms that mean the same at every service where they were found. A service's own forms stand in
its entry of the registry and come first: a field that they have tested is not tested by the general forms. Those of
Discord and Matrix are by their pages: discord.com/developers/docs/topics/rate-limits and spec.matrix.org, client-server
API, "Standard error response".
"""

from dataclasses import dataclass

Path = tuple[str, ...]
"""Keys from the outside in; ``*`` stands for each item of a list."""

HTTP_ERRORS = frozenset(str(code) for code in range(400, 600))
TRANSIENT_HTTP = frozenset({"408", "425", "500", "502", "503", "504"})
NO = frozenset({"false", "0", "no"})
FAILED = frozenset(
    {
        *("error", "err", "fail", "failed", "failure", "ko", "nok", "not ok"),
        *("denied", "forbidden", "invalid", "rejected", "unauthorized", "undeliverable", "undelivered"),
    }
)
NOTHING = frozenset({"null", "false", "", "0", "[]", "{}", "none"})


@dataclass(frozen=True, kw_only=True)
class RefusalForm:
    """A field of a body in which a service accepts or refuses.

    code          the path of the field
    yes, no       values that accept or refuse, in any case; with ``yes`` each other value refuses
    rate_limited  codes for too many messages: transient, after a pause
    transient     other codes after which another attempt may work
    """

    code: Path
    yes: frozenset[str] | None = None
    no: frozenset[str] = frozenset()
    rate_limited: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()

    def refuses(self, value: str) -> bool:
        """Tell whether the value is a refusal."""
        if self.yes is not None:
            return value.casefold() not in map(str.casefold, self.yes)
        return value.casefold() in map(str.casefold, self.no)


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """A refusal that is not JSON: a pattern of the start of the text.

    Its first group is the code, if it has a group.
    """

    start: str
    rate_limited: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class WaitField:
    """A field of a body that says how long to wait, in units of ``unit_s`` seconds."""

    path: Path
    unit_s: float = 1.0


SLACK_RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
SLACK_TRANSIENT = frozenset({"internal_error", "fatal_error", "service_unavailable"})

FORMS: tuple[RefusalForm, ...] = (
    RefusalForm(
        code=("error", "code"),
        yes=frozenset({"0", "null", ""}),
        rate_limited=frozenset({"429"}),
        transient=TRANSIENT_HTTP,
    ),
    RefusalForm(code=("errcode",), yes=frozenset({"0", "null", ""})),
    RefusalForm(code=("errno",), yes=frozenset({"0", "null", ""})),
    *(RefusalForm(code=(key,), yes=NOTHING) for key in ("error_code", "errorCode", "err", "fault")),
    RefusalForm(code=("error",), yes=NOTHING, rate_limited=SLACK_RATE_LIMITED, transient=SLACK_TRANSIENT),
    RefusalForm(code=("errors",), yes=NOTHING),
    *(RefusalForm(code=(key,), no=NO) for key in ("ok", "success", "isSuccess", "is_success", "succeeded")),
    *(RefusalForm(code=(key,), no=frozenset({"false"})) for key in ("sent", "accepted", "delivered")),
    *(RefusalForm(code=(key,), no=frozenset({"true"})) for key in ("hasError", "has_error", "isError", "is_error")),
    RefusalForm(code=("result",), no=FAILED | {"false"}),
    *(
        RefusalForm(
            code=(key,),
            no=FAILED | HTTP_ERRORS | {"false", "-1"},
            rate_limited=frozenset({"429"}),
            transient=TRANSIENT_HTTP,
        )
        for key in ("status", "code", "statusCode", "StatusCode", "status_code")
    ),
)

WRAPPERS: tuple[Path, ...] = (("*",), ("data",), ("response",), ("result",), ("results", "*"), ("messages", "*"))
"""Paths of answers inside a body: one answer for each of several messages, or one inside a frame."""

RATE_LIMIT_WORDS = (
    r"\b(?:rate.?limit|too many (?:requests|messages)|too (?:fast|frequent)"
    r"|frequency|freq out of limit|throttl|slow.?down)"
)
"""Words for too many messages, which make a code transient that no form names."""

TEXT_FORMS: tuple[TextForm, ...] = (
    # A sentence of Teams' older connectors; it is not known whether Power Automate uses it.
    TextForm(start=r"Webhook message delivery failed(?:.*?HTTP error (\d+))?", rate_limited=frozenset({"429"})),
    TextForm(start=r"(?i:error|err|failed|failure|fault)\s*[:|=]"),
    TextForm(start=r"(?i:not ok|unauthorized|forbidden|access denied|rejected|false)(?!\w)"),
    TextForm(start=r"(?i:(?:<\?xml[^>]*>\s*)?<(?:error|errors|fault)[ />])"),
    TextForm(start=r"(?i:(?:<\?xml[^>]*>\s*)?<\w+[^>]*>.*?<(?:status|result)>\s*(error|fail\w*|rejected)\s*</)"),
)

WAITS: tuple[WaitField, ...] = (
    WaitField(path=("retry_after",)),
    WaitField(path=("retry-after",)),
    WaitField(path=("retry_after_ms",), unit_s=0.001),
)

MESSAGE_FIELDS: tuple[Path, ...] = (
    ("errmsg",),
    ("error_description",),
    ("description",),
    ("msg",),
    ("error", "message"),
    ("errors", "*", "message"),
    ("errors", "*", "title"),
    ("errors", "*"),
    ("message",),
    ("StatusMessage",),
    ("status_message",),
    ("errorMessage",),
    ("error_text",),
    ("ocs", "meta", "message"),
    ("return", "message"),
    ("messages", "*", "error-text"),
    ("data", "error"),
    ("detail",),
    ("reason",),
    ("error",),
    ("wording",),
    ("title",),
)
"""The fields of error messages, the most specific first."""

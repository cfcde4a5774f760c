"""Forms of refusal: the ways in which services refuse in an answer's body.

The status may be any. Many plugins look at the status alone, so this table is read after each send. A value in a body
is compared in its JSON form, strings without their quotes: ``0``, ``false``, ``ok``.

Codes by services' own pages: Slack (docs.slack.dev/reference/methods/chat.postMessage), Telegram
(core.telegram.org/bots/api, "Making requests"), Discord (discord.com/developers/docs/topics/rate-limits), Matrix
(spec.matrix.org, client-server API, "Standard error response"), Feishu and Lark for too many messages: 99991400
(open.feishu.cn/document/server-docs/api-call-guide/frequency-control.md) and 11232 (.../bot-v3/add-custom-bot.md),
DingTalk: 130101 (blog.csdn.net/jialiuyang/article/details/118615052, from its answers), WeCom: -1
(static.kancloud.cn/dabashan/qiwei/2376083, a copy of its table). The other transient codes of these four are from
memory of their pages and not looked up; all their further codes need a person.
"""

from dataclasses import dataclass

Path = tuple[str, ...]
"""Keys from the outside in; ``*`` stands for each item of a list."""

PROGRAMS = frozenset({"JSON", "XML", "Form", "Apprise API"})
"""Services that are programs of the operator: their answers follow no rule but HTTP's."""

HTTP_ERRORS = frozenset(str(code) for code in range(400, 600))
TRANSIENT_HTTP = frozenset({"408", "425", "500", "502", "503", "504"})
NO = frozenset({"false", "0"})
FAILED = frozenset({"error", "err", "fail", "failed", "failure"})
NOTHING = frozenset({"null", "false", "", "0", "[]", "{}", "none"})


@dataclass(frozen=True, kw_only=True)
class RefusalForm:
    """A field of a body in which a service accepts or refuses.

    services      Apprise's names; empty: any service
    code          the path of the field
    yes, no       values that accept or refuse; with ``yes`` each other value refuses
    rate_limited  codes for too many messages: transient, after a pause
    transient     other codes after which another attempt may work
    """

    services: frozenset[str] = frozenset()
    code: Path
    yes: frozenset[str] | None = None
    no: frozenset[str] = frozenset()
    rate_limited: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()

    def refuses(self, value: str) -> bool:
        """Tell whether the value is a refusal."""
        return value not in self.yes if self.yes is not None else value in self.no


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """A refusal that is not JSON: a pattern of the start of the text.

    Its first group is the code, if it has a group.
    """

    services: frozenset[str] = frozenset()
    start: str
    rate_limited: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class WaitField:
    """A field of a body that says how long to wait, in units of ``unit_s`` seconds."""

    services: frozenset[str] = frozenset()
    path: Path
    unit_s: float = 1.0


def _of(*services: str) -> frozenset[str]:
    return frozenset(services)


SLACK_RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
SLACK_TRANSIENT = frozenset({"internal_error", "fatal_error", "service_unavailable"})

# A service's own forms come first: a value that they accept is not tested by the general forms.
FORMS: tuple[RefusalForm, ...] = (
    *(
        RefusalForm(
            services=_of("Feishu", "Lark (Feishu)"),
            code=(key,),
            yes=frozenset({"0"}),
            rate_limited=frozenset({"11232", "11233", "11247", "99991400"}),
            transient=frozenset({"10002", "11230", "11231"}),
        )
        for key in ("code", "StatusCode")
    ),
    RefusalForm(
        services=_of("DingTalk", "WeCom Bot", "WeChat (WeCom)"),
        code=("errcode",),
        yes=frozenset({"0"}),
        rate_limited=frozenset({"130101", "90018", "90030", "410100", "430101", "45009", "45033"}),
        transient=frozenset({"-1"}),
    ),
    RefusalForm(services=_of("Pushplus", "Bark", "SpugPush"), code=("code",), yes=frozenset({"200", "0"})),
    RefusalForm(services=_of("WxPusher"), code=("code",), yes=frozenset({"1000"})),
    RefusalForm(
        services=_of("ServerChan", "PushDeer", "QQ Push", "WPUSH", "Kook"), code=("code",), yes=frozenset({"0", "200"})
    ),
    RefusalForm(services=_of("ServerChan"), code=("data", "errno"), yes=frozenset({"0"})),
    RefusalForm(services=_of("OneBot"), code=("retcode",), yes=frozenset({"0", "1"})),
    RefusalForm(services=_of("Viber"), code=("status",), yes=frozenset({"0"}), rate_limited=frozenset({"12"})),
    RefusalForm(services=_of("Pushover", "Pushsafer", "Pushjet"), code=("status",), yes=frozenset({"1", "ok"})),
    RefusalForm(services=_of("KakaoTalk"), code=("result_code",), yes=frozenset({"0"})),
    RefusalForm(services=_of("Kavenegar"), code=("return", "status"), yes=frozenset({"200"})),
    RefusalForm(
        services=_of("Vonage"), code=("messages", "*", "status"), yes=frozenset({"0"}), rate_limited=frozenset({"1"})
    ),
    RefusalForm(services=_of("ClickSend"), code=("response_code",), yes=frozenset({"SUCCESS"})),
    RefusalForm(services=_of("ClickSend"), code=("data", "messages", "*", "status"), yes=frozenset({"SUCCESS"})),
    RefusalForm(services=_of("Clickatell"), code=("messages", "*", "accepted"), no=NO),
    RefusalForm(services=_of("BulkVS"), code=("Results", "*", "Status"), yes=frozenset({"SUCCESS"})),
    RefusalForm(services=_of("seven"), code=("success",), yes=frozenset({"100", "101", "true"})),
    RefusalForm(services=_of("seven"), code=("messages", "*", "success"), no=NO),
    RefusalForm(
        services=_of("Infobip"),
        code=("messages", "*", "status", "groupName"),
        no=frozenset({"REJECTED", "UNDELIVERABLE", "EXPIRED"}),
    ),
    RefusalForm(
        services=_of("Nextcloud", "Nextcloud Talk"),
        code=("ocs", "meta", "statuscode"),
        yes=frozenset({"100", "200", "201"}),
    ),
    RefusalForm(services=_of("Postmark"), code=("ErrorCode",), yes=frozenset({"0"})),
    RefusalForm(services=_of("SMTP2Go"), code=("data", "failed"), yes=frozenset({"0"})),
    RefusalForm(services=_of("SparkPost"), code=("results", "total_rejected_recipients"), yes=frozenset({"0"})),
    RefusalForm(services=_of("MSG91"), code=("type",), no=FAILED),
    RefusalForm(services=_of("VoIPms"), code=("status",), yes=frozenset({"success"})),
    RefusalForm(services=_of("Reddit"), code=("json", "errors"), yes=NOTHING),
    RefusalForm(
        services=_of("Slack"), code=("error",), yes=NOTHING, rate_limited=SLACK_RATE_LIMITED, transient=SLACK_TRANSIENT
    ),
    # Forms with the same meaning at every service where they were found.
    RefusalForm(
        code=("error", "code"),
        yes=frozenset({"0", "null", ""}),
        rate_limited=frozenset({"429"}),
        transient=TRANSIENT_HTTP,
    ),
    RefusalForm(code=("errcode",), yes=frozenset({"0", "null", ""})),
    RefusalForm(code=("errno",), yes=frozenset({"0", "null", ""})),
    RefusalForm(code=("error_code",), yes=NOTHING),
    RefusalForm(code=("error",), yes=NOTHING, rate_limited=SLACK_RATE_LIMITED, transient=SLACK_TRANSIENT),
    RefusalForm(code=("errors",), yes=NOTHING),
    RefusalForm(code=("ok",), no=NO),
    RefusalForm(code=("success",), no=NO),
    RefusalForm(code=("sent",), no=frozenset({"false"})),
    RefusalForm(code=("result",), no=FAILED | {"false"}),
    *(
        RefusalForm(
            code=(key,), no=FAILED | HTTP_ERRORS | {"false"}, rate_limited=frozenset({"429"}), transient=TRANSIENT_HTTP
        )
        for key in ("status", "code", "statusCode", "StatusCode", "status_code")
    ),
)

WRAPPERS: tuple[Path, ...] = (("*",), ("data",), ("response",), ("result",))
"""Paths of answers inside a body: one answer for each of several messages, or one inside a frame."""

RATE_LIMIT_WORDS = (
    r"\b(?:rate.?limit|too many (?:requests|messages)|too (?:fast|frequent)"
    r"|frequency|freq out of limit|throttl|slow.?down)"
)
"""Words for too many messages, which make a code transient that no form names."""

TEXT_FORMS: tuple[TextForm, ...] = (
    # A sentence of Teams' older connectors; it is not known whether Power Automate uses it.
    TextForm(start=r"Webhook message delivery failed(?:.*?HTTP error (\d+))?", rate_limited=frozenset({"429"})),
    TextForm(
        services=_of("Slack"),
        start=r"(?!ok\Z)([a-z]+(?:_[a-z]+)*)\Z",
        rate_limited=SLACK_RATE_LIMITED,
        transient=SLACK_TRANSIENT,
    ),
    TextForm(
        services=_of("Prowl"), start=r"<\?xml[^>]*>\s*<prowl>\s*<error code=\"(\d+)\"", rate_limited=frozenset({"406"})
    ),
    TextForm(
        services=_of("Nextcloud", "Nextcloud Talk"), start=r"<\?xml.*?<statuscode>(?!100<|200<|201<)(\d+)</statuscode>"
    ),
    TextForm(start=r"(?i:error|err|failed|failure|fault)\s*[:|]"),
    TextForm(services=_of("PushMe"), start=r"(?!success)\S"),
    TextForm(services=_of("SMS Manager"), start=r"ERROR\|(\d+)"),
    TextForm(services=_of("Clickatell"), start=r"ERR: ?(\d+)"),
)

WAITS: tuple[WaitField, ...] = (
    WaitField(services=_of("Telegram"), path=("parameters", "retry_after")),
    WaitField(services=_of("Revolt"), path=("retry_after",), unit_s=0.001),
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

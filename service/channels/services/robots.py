"""Robots of group chats: DingTalk, Feishu, Lark and WeCom.

Codes for too many messages by services' own pages: Feishu and Lark 99991400
(open.feishu.cn/document/server-docs/api-call-guide/frequency-control.md) and 11232 (.../bot-v3/add-custom-bot.md),
DingTalk 130101 (blog.csdn.net/jialiuyang/article/details/118615052, from its answers), 45009, "api freq out of limit"
(developers.weixin.qq.com/doc/offiaccount/Message_Management/API_Call_Limits.html, of WeChat, whose codes WeCom shares),
WeCom -1, to be tried again three times at most (static.kancloud.cn/dabashan/qiwei/2376083, a copy of its table). The
other transient codes of these four are from memory of their pages and not looked up; all their further codes need a
person.
"""

from datetime import timedelta

from service.channels.channel_service import ChannelService, Limit, Pace
from service.channels.refusal_forms import RefusalForm

_ERRCODE = RefusalForm(
    code=("errcode",),
    yes=frozenset({"0"}),
    rate_limited=frozenset({"130101", "90018", "90030", "410100", "430101", "45009", "45033"}),
    transient=frozenset({"-1"}),
)
_FEISHU_REFUSALS = tuple(
    RefusalForm(
        code=(key,),
        yes=frozenset({"0"}),
        rate_limited=frozenset({"11232", "11233", "11247", "99991400"}),
        transient=frozenset({"10002", "11230", "11231"}),
    )
    for key in ("code", "StatusCode")
)
_FEISHU_TEXT = "apifox.com/apidoc/docs-site/532425/doc-1944903, a copy of Feishu's own page: <at user_id>"
_FEISHU_PACE = Pace(
    interval=timedelta(seconds=0.6),
    source=(
        "open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.md, read 2026-11-28: 100 messages a minute and five "
        "a second for each custom bot"
    ),
)

SERVICES = (
    ChannelService(
        name="DingTalk",
        schemes=("dingtalk",),
        dialect_source="cnblogs.com/Fogram-c/p/16992729.html, a copy of DingTalk's own page: @mobile in a text",
        limit=Limit(
            max_length=19_000,
            is_bytes=True,
            source=(
                "not looked up: 20,000 bytes for the whole request of a robot's webhook; no page was found that says it"
            ),
        ),
        pace=Pace(
            interval=timedelta(seconds=3),
            source=(
                "cnblogs.com/Fogram-c/p/16992729.html and juejin.cn/post/7129698690297495583, copies of DingTalk's own "
                "page, read 2026-11-28: 20 a minute for each robot, then none for ten minutes"
            ),
            blocked_for=timedelta(minutes=10),
        ),
        refusals=(_ERRCODE,),
    ),
    ChannelService(
        name="Feishu",
        schemes=("feishu",),
        dialect_source=_FEISHU_TEXT,
        limit=Limit(
            max_length=19_000,
            is_bytes=True,
            source="open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.md: 20 KB for the whole request",
        ),
        pace=_FEISHU_PACE,
        refusals=_FEISHU_REFUSALS,
    ),
    ChannelService(
        name="Lark (Feishu)",
        schemes=("lark",),
        addresses=(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/",),
        dialect_source=_FEISHU_TEXT,
        limit=Limit(
            max_length=19_000,
            is_bytes=True,
            source="open.larkoffice.com/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN.md: 20 KB for the whole request",
        ),
        pace=_FEISHU_PACE,
        refusals=_FEISHU_REFUSALS,
    ),
    ChannelService(
        name="WeChat (WeCom)",
        schemes=("wechat",),
        limit=Limit(
            max_length=2_048,
            is_bytes=True,
            source=(
                "developer.work.weixin.qq.com/document/path/90248: bytes of a text to a group; for one to a person "
                "github.com/zyh94946/wx-msg-push, which quotes path/90236: what is longer is cut"
            ),
        ),
        refusals=(_ERRCODE,),
    ),
    ChannelService(
        name="WeCom Bot",
        schemes=("wecombot",),
        addresses=(r"https?://qyapi\.weixin\.qq\.com/",),
        limit=Limit(
            max_length=2_048,
            is_bytes=True,
            source="cnblogs.com/tiandi/p/17768525.html, a copy of developer.work.weixin.qq.com/document/path/91770",
        ),
        pace=Pace(
            interval=timedelta(seconds=3),
            source=(
                "hexdocs.pm/wechat_sdk/WeChat.Work.ChatRobot.html, which quotes its page, read 2026-11-28: 20 a minute "
                "for each robot"
            ),
        ),
        refusals=(_ERRCODE,),
    ),
)

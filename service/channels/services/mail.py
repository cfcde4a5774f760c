"""Mail: servers that we speak SMTP with, and services that send mail by an API."""

from functools import partial

from service.channels.channel_service import MAIL, ChannelService, Dialect
from service.channels.refusal_forms import RefusalForm

MAX_SERVER_DEADLINE_S = 10.0  # shorter than others': many hanging mail servers must not occupy all slots

_mail = partial(ChannelService, dialect=Dialect.LITERAL, dialect_source=MAIL)
_NONE = frozenset({"0"})

SERVICES = (
    _mail(
        name="E-Mail",
        schemes=("mailto", "mailtos"),
        is_mail_server=True,
        max_deadline_s=MAX_SERVER_DEADLINE_S,
    ),
    ChannelService(
        name="Delta Chat",
        schemes=("deltachat", "deltachats"),
        is_mail_server=True,
        max_deadline_s=MAX_SERVER_DEADLINE_S,
    ),
    _mail(name="AWS Simple Email Service (SES)", schemes=("ses",)),
    _mail(name="Brevo", schemes=("brevo",)),
    _mail(name="Groundmail", schemes=("groundmail",)),
    _mail(name="MailerSend", schemes=("mailersend",)),
    _mail(name="Mailgun", schemes=("mailgun",)),
    _mail(name="Office 365", schemes=("azure", "o365")),
    _mail(name="Postmark", schemes=("postmark",), refusals=(RefusalForm(code=("ErrorCode",), yes=_NONE),)),
    _mail(name="Resend", schemes=("resend",)),
    _mail(name="SMTP2Go", schemes=("smtp2go",), refusals=(RefusalForm(code=("data", "failed"), yes=_NONE),)),
    _mail(name="SendGrid", schemes=("sendgrid",)),
    _mail(name="SendPulse", schemes=("sendpulse",)),
    _mail(
        name="SparkPost",
        schemes=("sparkpost",),
        refusals=(RefusalForm(code=("results", "total_rejected_recipients"), yes=_NONE),),
    ),
)

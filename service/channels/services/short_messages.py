"""Short messages: services of telephones and of amateur radio."""

from functools import partial

from service.channels.channel_service import RADIO, SMS, ChannelService, Dialect
from service.channels.refusal_forms import FAILED, NO, RefusalForm, TextForm

_sms = partial(ChannelService, dialect=Dialect.LINKED, dialect_source=SMS)
_radio = partial(ChannelService, dialect=Dialect.LITERAL, dialect_source=RADIO)

SERVICES = (
    _radio(name="Aprs", schemes=("aprs",)),
    _radio(name="Dapnet", schemes=("dapnet",)),
    _sms(name="46elks", schemes=("46elks", "elks")),
    _sms(name="800.com", schemes=("eight00com",)),
    _sms(name="AWS Simple Notification Service (SNS)", schemes=("sns",)),
    _sms(name="Africas Talking", schemes=("atalk",)),
    _sms(name="BulkSMS", schemes=("bulksms",)),
    _sms(
        name="BulkVS",
        schemes=("bulkvs",),
        refusals=(RefusalForm(code=("Results", "*", "Status"), yes=frozenset({"SUCCESS"})),),
    ),
    _sms(name="CM.com", schemes=("cm",)),
    _sms(
        name="ClickSend",
        schemes=("clicksend",),
        refusals=(
            RefusalForm(code=("response_code",), yes=frozenset({"SUCCESS"})),
            RefusalForm(code=("data", "messages", "*", "status"), yes=frozenset({"SUCCESS"})),
        ),
    ),
    _sms(
        name="Clickatell",
        schemes=("clickatell",),
        refusals=(RefusalForm(code=("messages", "*", "accepted"), no=NO),),
        text_refusals=(TextForm(start=r"ERR: ?(\d+)"),),
    ),
    _sms(name="D7 Networks", schemes=("d7sms",)),
    _sms(name="Exotel", schemes=("exotel",)),
    _sms(name="Free-Mobile", schemes=("freemobile",)),
    _sms(
        name="Infobip",
        schemes=("infobip",),
        refusals=(
            RefusalForm(
                code=("messages", "*", "status", "groupName"),
                no=frozenset({"REJECTED", "UNDELIVERABLE", "EXPIRED"}),
            ),
        ),
    ),
    _sms(name="Kaleyra", schemes=("kaleyra", "klr")),
    _sms(
        name="Kavenegar",
        schemes=("kavenegar",),
        refusals=(RefusalForm(code=("return", "status"), yes=frozenset({"200"})),),
    ),
    _sms(name="Kudosity", schemes=("burstsms", "kudosity")),
    _sms(name="MSG91", schemes=("msg91",), refusals=(RefusalForm(code=("type",), no=FAILED),)),
    _sms(name="MessageBird", schemes=("msgbird",)),
    _sms(name="Mobile Message", schemes=("mobilemessage", "mobilemsg")),
    _sms(name="Notifyre", schemes=("notifyre",)),
    _sms(name="Octopush", schemes=("octopush",)),
    _sms(name="Plivo", schemes=("plivo",)),
    _sms(name="RingCentral", schemes=("ringc",)),
    _sms(name="SMPP", schemes=("smpp", "smpps")),
    _sms(name="SMS Eagle", schemes=("smseagle", "smseagles")),
    _sms(
        name="SMS Manager",
        schemes=("smsmgr", "smsmanager"),
        text_refusals=(TextForm(start=r"ERROR\|(\d+)"),),
    ),
    _sms(name="SMSC", schemes=("smsc",)),
    _sms(name="SMSTunnel", schemes=("smstunnel",)),
    _sms(name="SerwerSMS", schemes=("serwersms",)),
    _sms(name="Sinch", schemes=("sinch",)),
    _sms(name="Société Française du Radiotéléphone", schemes=("sfr",)),
    _sms(name="Telesign", schemes=("telesign",)),
    _sms(name="Telnyx", schemes=("telnyx",)),
    _sms(name="Twilio", schemes=("twilio",)),
    _sms(
        name="VoIPms",
        schemes=("voipms",),
        refusals=(RefusalForm(code=("status",), yes=frozenset({"success"})),),
    ),
    _sms(
        name="Vonage",
        schemes=("vonage", "nexmo"),
        refusals=(RefusalForm(code=("messages", "*", "status"), yes=frozenset({"0"}), rate_limited=frozenset({"1"})),),
    ),
    _sms(name="httpSMS", schemes=("httpsms",)),
    _sms(
        name="seven",
        schemes=("seven",),
        refusals=(
            RefusalForm(code=("success",), yes=frozenset({"100", "101", "true"})),
            RefusalForm(code=("messages", "*", "success"), no=NO),
        ),
    ),
)

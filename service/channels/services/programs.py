"""Programs of the operator, which read a message by themselves."""

from functools import partial

from service.channels.channel_service import PROGRAM, ChannelService, Dialect

_program = partial(ChannelService, dialect=Dialect.LITERAL, dialect_source=PROGRAM)

SERVICES = (
    _program(name="AMQP", schemes=("amqp", "amqps")),
    ChannelService(
        name="Apprise API",
        schemes=("apprise", "apprises"),
        dialect_source="github.com/caronc/apprise-api: it passes the text on, to plugins that act on it",
        is_program=True,
    ),
    _program(name="Form", schemes=("form", "forms"), is_program=True),
    ChannelService(
        name="HomeAssistant",
        schemes=("hassio", "hassios"),
        dialect_source="not looked up: home-assistant.io/integrations/persistent_notification: Markdown",
    ),
    _program(name="JSON", schemes=("json", "jsons"), is_program=True),
    _program(name="MQTT Notification", schemes=("mqtt", "mqtts")),
    _program(name="Remote Syslog", schemes=("rsyslog",)),
    _program(name="Syslog", schemes=("syslog",)),
    _program(name="XML", schemes=("xml", "xmls"), is_program=True),
)

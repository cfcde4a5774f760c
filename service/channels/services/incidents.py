"""Services of incidents: each message opens one."""

from service.channels.channel_service import ChannelService, Incidents

_ALERT = Incidents(actions=("map", "new", "close", "delete", "acknowledge", "note"))
_TRIGGER = Incidents(actions=("map", "trigger", "resolve"))

SERVICES = (
    ChannelService(name="Better Stack", schemes=("betterstack",), incidents=Incidents()),
    ChannelService(
        name="FireHydrant",
        schemes=("firehydrant",),
        addresses=(r"https?://signals\.firehydrant\.com/v1/process/",),
        incidents=_TRIGGER,
    ),
    ChannelService(
        name="GitHub",
        schemes=("github",),
        dialect_source="not looked up: github.github.com/gfm: code spans, in which a name mentions no user",
        incidents=Incidents(),
    ),
    ChannelService(
        name="GoAlert",
        schemes=("goalert", "goalerts"),
        incidents=Incidents(actions=("map", "trigger", "close")),
    ),
    ChannelService(name="Jira", schemes=("jira",), incidents=_ALERT),
    ChannelService(
        name="LFG Alarm",
        schemes=("lfg",),
        addresses=(r"https?://api\.lfg\.gm/horn/",),
        incidents=Incidents(),
    ),
    ChannelService(name="Opsgenie", schemes=("opsgenie",), incidents=_ALERT),
    ChannelService(
        name="PagerTree",
        schemes=("pagertree",),
        incidents=Incidents(actions=("create", "acknowledge", "resolve", "map")),
    ),
    ChannelService(
        name="SIGNL4",
        schemes=("signl4",),
        incidents=Incidents(actions=("trigger", "map", "acknowledge", "resolve")),
    ),
    ChannelService(
        name="Spike.sh",
        schemes=("spike",),
        addresses=(r"https://api\.spike\.sh/v1/alerts/",),
        incidents=Incidents(),
    ),
    ChannelService(
        name="Splunk On-Call",
        schemes=("splunk", "victorops"),
        addresses=(r"https?://alert\.victorops\.com/integrations/generic/",),
        incidents=Incidents(
            actions=("map", "info", "acknowledgement", "warning", "recovery", "resolve", "critical"),
        ),
    ),
    ChannelService(
        name="Squadcast",
        schemes=("squadcast",),
        addresses=(r"https?://api\.(eu\.)?squadcast\.com/v2/incidents/api/",),
        incidents=_TRIGGER,
    ),
    ChannelService(
        name="ilert",
        schemes=("ilert",),
        incidents=Incidents(actions=("map", "trigger", "acknowledge", "resolve")),
    ),
    ChannelService(
        name="incident.io",
        schemes=("incidentio",),
        addresses=(r"https?://api\.incident\.io/v2/alert_events/http/",),
        incidents=_TRIGGER,
    ),
    ChannelService(
        name="xMatters",
        schemes=("xmatters",),
        addresses=(r"https?://[a-z0-9.-]+\.xmatters\.com/api/integration/",),
        incidents=Incidents(),
    ),
)

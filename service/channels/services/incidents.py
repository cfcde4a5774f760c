"""Services of incidents: a failure opens one, and a success closes it.

Some have no way to close. Codes and keys by the services' own pages, as Apprise's plugins name them.
"""

from service.channels.channel_service import ChannelService, Incidents, OwnForm
from service.channels.incident_keys import KeyedIncidents, by_alias, open_or_recover

_LOOK = "an incident, opened and closed by one key of the track"


def _keyed(key: str, *, closes: str) -> OwnForm:
    return OwnForm(apply=KeyedIncidents(key=key, closes=closes), look=_LOOK)


_ALERT = Incidents(actions=("map", "new", "close", "delete", "acknowledge", "note"), closes_on_success=True)
_TRIGGER = Incidents(actions=("map", "trigger", "resolve"), closes_on_success=True)

SERVICES = (
    ChannelService(name="Better Stack", schemes=("betterstack",), incidents=Incidents()),
    ChannelService(
        name="FireHydrant",
        schemes=("firehydrant",),
        addresses=(r"https?://signals\.firehydrant\.com/v1/process/",),
        own_form=_keyed("dedup", closes="resolve"),
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
        own_form=_keyed("dedup", closes="close"),
        incidents=Incidents(actions=("map", "trigger", "close"), closes_on_success=True),
    ),
    ChannelService(
        name="Jira",
        schemes=("jira",),
        own_form=OwnForm(apply=by_alias("JIRA_API_LOOKUP"), look=_LOOK),
        incidents=_ALERT,
    ),
    ChannelService(
        name="LFG Alarm",
        schemes=("lfg",),
        addresses=(r"https?://api\.lfg\.gm/horn/",),
        incidents=Incidents(),
    ),
    ChannelService(
        name="Opsgenie",
        schemes=("opsgenie",),
        own_form=OwnForm(apply=by_alias("OPSGENIE_API_LOOKUP"), look=_LOOK),
        incidents=_ALERT,
    ),
    ChannelService(
        name="PagerTree",
        schemes=("pagertree",),
        own_form=_keyed("thirdparty", closes="resolve"),
        incidents=Incidents(actions=("create", "acknowledge", "resolve", "map"), closes_on_success=True),
    ),
    ChannelService(
        name="SIGNL4",
        schemes=("signl4",),
        own_form=_keyed("external_id", closes="resolve"),
        incidents=Incidents(actions=("trigger", "map", "acknowledge", "resolve"), closes_on_success=True),
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
        own_form=OwnForm(apply=open_or_recover, look=_LOOK),
        incidents=Incidents(
            actions=("map", "info", "acknowledgement", "warning", "recovery", "resolve", "critical"),
            closes_on_success=True,
        ),
    ),
    ChannelService(
        name="Squadcast",
        schemes=("squadcast",),
        addresses=(r"https?://api\.(eu\.)?squadcast\.com/v2/incidents/api/",),
        own_form=_keyed("dedup", closes="resolve"),
        incidents=_TRIGGER,
    ),
    ChannelService(
        name="ilert",
        schemes=("ilert",),
        own_form=_keyed("dedup", closes="resolve"),
        incidents=Incidents(actions=("map", "trigger", "acknowledge", "resolve"), closes_on_success=True),
    ),
    ChannelService(
        name="incident.io",
        schemes=("incidentio",),
        addresses=(r"https?://api\.incident\.io/v2/alert_events/http/",),
        own_form=_keyed("dedup", closes="resolve"),
        incidents=_TRIGGER,
    ),
    ChannelService(
        name="xMatters",
        schemes=("xmatters",),
        addresses=(r"https?://[a-z0-9.-]+\.xmatters\.com/api/integration/",),
        incidents=Incidents(),
    ),
)

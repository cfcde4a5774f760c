"""Channels: where a message leaves Roundsman. The only user of Apprise.

``registry`` has one entry for each service, with all that is particular to it; the entries stand in ``services``, by
kind. ``AppriseChannels`` sends. ``rate_limits`` has intervals and pauses; ``plugin`` adapts Apprise's plugins;
``apprise_capture`` records the responses and errors of a send; ``budget`` and ``safe_answers`` limit the bytes and
seconds that are read. ``verdicts`` finds refusals in answers by the registry and by ``refusal_forms``, and ``failures``
turns them into our errors. ``incident_services`` keeps good news from opening incidents.
"""

from service.channels.apprise import AppriseChannels, StillSending
from service.channels.incident_services import gets_no_good_news, opens_incidents
from service.channels.rate_limits import min_interval, server_lane

__all__ = ["AppriseChannels", "StillSending", "gets_no_good_news", "min_interval", "opens_incidents", "server_lane"]

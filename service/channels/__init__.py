"""Channels: where a message leaves Roundsman. The only user of Apprise.

``AppriseChannels`` sends; ``limits`` says how far apart messages must be; ``plugin`` holds what is particular to
Apprise, ``witness`` sees what happened on the wire, ``budget`` and ``answers`` limit what is read there, ``verdicts``
reads answers by the table of ``refusal_forms``, and ``refusal`` turns all that into our errors. ``dialects`` knows what
each service does with a text, ``cards`` has the forms of those that have better ones, and ``incidents`` keeps good news
from opening any.
"""

from service.channels.apprise import AppriseChannels, StillSending
from service.channels.incident_services import gets_no_good_news
from service.channels.rate_limits import min_interval, server_lane

__all__ = ["AppriseChannels", "StillSending", "gets_no_good_news", "min_interval", "server_lane"]

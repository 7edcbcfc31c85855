"""Numbers and names of the POCT1-A conversation, each with its source."""

from __future__ import annotations

# The clauses that events and refusals name.
CLAUSE_DOCUMENT = "POCT1-A2 DML, XML encoding"
CLAUSE_CONVERSATION = "POCT1-A2 DML, conversation"
CLAUSE_ACKNOWLEDGEMENT = "POCT1-A2 DML, ACK.R01"
CLAUSE_KEEP_ALIVE = "POCT1-A2 DML, KPA.R01"

VERSION_ID = "POCT1"  # HDR.version_id
ACCEPT = "AA"  # ACK.type_cd
ERROR = "AE"
REQUEST_OBSERVATIONS = "ROBS"  # REQ.request_cd
REQUEST_EVENTS = "RDEV"
START_CONTINUOUS = "START_CONTINUOUS"  # DTV.command_cd
SET_TIME = "SET_TIME"
NORMAL_END = "NRM"  # END.reason_cd
TOPIC_OBSERVATIONS = "OBS"  # EOT.topic_cd

# DCP.application_timeout of HEL.R01 says how long the analyzer waits; these are its bounds and what is taken for it.
DEFAULT_APPLICATION_TIMEOUT_S = 120.0
SHORTEST_APPLICATION_TIMEOUT_S = 10.0
LONGEST_APPLICATION_TIMEOUT_S = 3600.0

# Nothing that an analyzer sends is longer; an image or a curve is not part of POCT1-A (threat: an endless document).
DEFAULT_LIMIT_BYTES = 1024 * 1024
# HEL.R01 is kept for the whole conversation and stored with each message.
HELLO_LIMIT_BYTES = 64 * 1024
# Of dropped bytes so many are kept, enough to see what a peer sends between its messages.
SKIPPED_KEPT_BYTES = 256
# So many bytes that belong to no message are told of at once and not only when the next message comes.
SKIPPED_TOLD_BYTES = 4096
# The deepest message of the standard has six levels.
DEEPEST_ELEMENT = 32
MOST_ELEMENTS = 20_000
# A few bytes of a name in another encoding are marked; a text of them is refused.
MOST_DAMAGED_BYTES = 1000
LONGEST_CONTROL_ID = 100

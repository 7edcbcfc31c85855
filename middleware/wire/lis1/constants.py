"""Limits and times of the low-level protocol, each with its clause.

Clauses are those of LIS01-A2 (ASTM E1381-02 has the same). Times are in seconds, sizes in bytes.
"""

from __future__ import annotations

from middleware.wire.control import Control

STX = Control.STX.value
ETX = Control.ETX.value
EOT = Control.EOT.value
ENQ = Control.ENQ.value
ACK = Control.ACK.value
NAK = Control.NAK.value
ETB = Control.ETB.value
CR = Control.CR.value
LF = Control.LF.value
NUL = Control.NUL.value

CLAUSE_ESTABLISHMENT = "LIS01-A2 6.2"
CLAUSE_BUSY = "LIS01-A2 6.2.5"
CLAUSE_CONTENTION = "LIS01-A2 6.2.7"
CLAUSE_FRAME = "LIS01-A2 6.3.1.2"
CLAUSE_FRAME_NUMBER = "LIS01-A2 6.3.2.1"
CLAUSE_CHECKSUM = "LIS01-A2 6.3.3"
CLAUSE_ACKNOWLEDGEMENT = "LIS01-A2 6.3.4"
CLAUSE_INTERRUPT = "LIS01-A2 6.3.5"
CLAUSE_TERMINATION = "LIS01-A2 6.4"
CLAUSE_DEFECTIVE_FRAME = "LIS01-A2 6.5.1"
CLAUSE_TIMEOUT = "LIS01-A2 6.5.2"
CLAUSE_RESTRICTED = "LIS01-A2 6.6.2"
CLAUSE_NONE = "not in LIS01-A2"

ENQUIRY_REPLY_S = 15.0  # LIS01-A2 6.5.2: the sender waits for the answer to ENQ
FRAME_REPLY_S = 15.0  # LIS01-A2 6.5.2: the sender waits for the answer to a frame
RECEIVE_S = 30.0  # LIS01-A2 6.5.2: the receiver waits for a frame or EOT
BUSY_BACKOFF_S = 10.0  # LIS01-A2 6.2.5: after NAK to ENQ
CONTENTION_INSTRUMENT_S = 1.0  # LIS01-A2 6.2.7: the instrument has priority
CONTENTION_COMPUTER_S = 20.0  # LIS01-A2 6.2.7
INTERRUPT_HOLDOFF_S = 15.0  # LIS01-A2 6.3.5: the interrupted sender lets the other side speak
# Below FRAME_REPLY_S, so that our NAK still arrives while the sender waits for it.
REPLY_DEADLINE_S = 14.0
# Not in the standard: an analyzer that expects ACK to the ENQ which met ours gets it after this
# time.
STORED_ENQUIRY_S = 2.0
# Not in the standard: silence after a complete message that ends a session whose EOT never comes.
SESSION_END_SILENCE_S = 2.0
# Not in the standard: silence after the CR of a frame that shows that no LF comes. Far above the gap
# that a serial line or a device server leaves inside a frame, far below the sender's 15 s.
TRAILER_SILENCE_S = 0.2

FRAME_NUMBERS = 8  # LIS01-A2 6.3.2.1: 0 to 7
FIRST_FRAME_NUMBER = 1  # LIS01-A2 6.3.2.1
MAX_TRANSMISSIONS = 6  # LIS01-A2 6.5.1: the first and five more
# The standard sets no limit for ENQ; without one a peer that is always busy would hold a message
# for ever.
MAX_ENQUIRIES = 6

MAX_FRAME_TEXT = 63_993  # LIS01-A2 6.3.1.2: 64,000 with the overhead of 7
OLD_FRAME_TEXT = 240  # ASTM E1381-95 6.3.1.2: 247 with the overhead; every receiver takes it
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # a message with images is about 80 kB; this is fifty of them
# Bytes that may wait while a commit is awaited, besides one read: the owner pauses its transport,
# so this is only a bound.
MAX_HELD_BYTES = 1024 * 1024
# What is kept as evidence of one message may be this many times its largest text (refused frames,
# framing).
WIRE_FACTOR = 2

# LIS01-A2 6.6.2, without the five that frame (STX ETX EOT ENQ ETB) and LF: those end a frame, see
# `frame`.
RESTRICTED_IN_TEXT = bytes((0x01, 0x06, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16))

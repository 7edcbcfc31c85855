"""Every deviation from LIS01-A2 that a line may tolerate: its name, the clause, what the analyzer
does, what we do.

Strict is the default: none of these is in force unless the profile names it. Each use is counted
under ("quirk", name) and listed in `MessageReceived.quirks`.
"""

from __future__ import annotations

from dataclasses import dataclass

from middleware.wire.lis1 import constants as c


@dataclass(frozen=True, slots=True)
class Quirk:
    """One tolerated deviation: the clause deviated from, the analyzer's behaviour, and ours."""

    clause: str
    what_the_analyzer_does: str
    what_we_do: str


QUIRKS: dict[str, Quirk] = {
    "terminator_missing": Quirk(
        "LIS02-A2 (L record)",
        "Sends no L record.",
        "Every ETX frame, and an H record, ends a message; it is committed before its ACK. "
        "EOT delivers what is left.",
    ),
    "record_split_by_etx": Quirk(
        c.CLAUSE_FRAME,
        "Ends a frame with ETX in the middle of a record.",
        "No CR is supplied after ETX: a record goes on until its own CR.",
    ),
    "checksum_absent": Quirk(
        c.CLAUSE_CHECKSUM,
        "Sends frames without checksum digits.",
        "A frame that ends in ETX or ETB, CR, LF is taken without a check; "
        "one that has digits is checked.",
    ),
    "checksum_zero": Quirk(
        c.CLAUSE_CHECKSUM,
        "Sends 00 instead of a checksum.",
        "00 is accepted whatever the sum; any other value is checked.",
    ),
    "checksum_unchecked": Quirk(
        c.CLAUSE_CHECKSUM,
        "Computes the checksum by a rule of its own.",
        "The two digits must be there and are not compared.",
    ),
    "checksum_excludes_end": Quirk(
        c.CLAUSE_CHECKSUM,
        "Leaves ETX or ETB out of the sum.",
        "That sum is accepted beside the right one.",
    ),
    "checksum_includes_start": Quirk(
        c.CLAUSE_CHECKSUM,
        "Adds STX to the sum.",
        "That sum is accepted beside the right one.",
    ),
    "lowercase_checksum": Quirk(
        c.CLAUSE_CHECKSUM, "Sends the digits a to f in lower case.", "Lower case is accepted."
    ),
    "frame_number_constant": Quirk(
        c.CLAUSE_FRAME_NUMBER,
        "Never advances the frame number, or counts something else with it.",
        "The sequence is not checked; a frame identical to the one before is its repetition; "
        "after a refusal only a frame that looks like the refused one is taken.",
    ),
    "frame_number_starts_at_zero": Quirk(
        c.CLAUSE_FRAME_NUMBER,
        "Numbers the first frame of a session 0.",
        "0 is accepted as the first number; the sequence goes on from there.",
    ),
    "frame_number_not_reset": Quirk(
        c.CLAUSE_FRAME_NUMBER,
        "Goes on counting over ENQ.",
        "The first frame of a session may have any number; the sequence goes on from there.",
    ),
    "frame_number_skips_zero": Quirk(
        c.CLAUSE_FRAME_NUMBER, "Sends 1 after 7.", "1 is accepted where 0 is expected."
    ),
    "trailer_incomplete": Quirk(
        c.CLAUSE_FRAME,
        "Leaves out CR or LF after the checksum, or sends them in the other order.",
        "The frame is complete at LF, at CR when another byte than LF follows, and "
        f"{c.TRAILER_SILENCE_S:g} s after CR when nothing follows; what comes late is swallowed. "
        "CR LF is no deviation and not counted.",
    ),
    "trailer_absent": Quirk(
        c.CLAUSE_FRAME,
        "Sends nothing after the checksum.",
        "The frame is complete at the second digit (with checksum_absent: at ETX or ETB); "
        "CR and LF are swallowed.",
    ),
    "line_feed_in_text": Quirk(
        c.CLAUSE_RESTRICTED,
        "Sends CR LF between records.",
        "Every LF is removed from the text after the checksum was verified.",
    ),
    "line_feed_ends_record": Quirk(
        c.CLAUSE_RESTRICTED,
        "Ends records with LF instead of CR.",
        "LF counts as CR (CR LF as one) after the checksum was verified. Beside line_feed_in_text: "
        "only where a record begins after it; another LF is removed.",
    ),
    "nul_in_text": Quirk(
        "LIS02-A2 (character set)",
        "Pads with NUL inside the text.",
        "NUL is removed after the checksum was verified.",
    ),
    "restricted_in_text": Quirk(
        c.CLAUSE_RESTRICTED,
        "Sends other restricted control characters inside the text.",
        "They are kept in the text (never STX, ETX, EOT, ENQ, ETB or LF, which end a frame).",
    ),
    "session_absent": Quirk(
        c.CLAUSE_ESTABLISHMENT,
        "Sends frames without ENQ before and EOT after.",
        "A frame opens a session by itself; the session ends with the message.",
    ),
    "session_end_missing": Quirk(
        c.CLAUSE_TERMINATION,
        "Sends no EOT.",
        f"{c.SESSION_END_SILENCE_S:g} s of silence after a complete message end the session.",
    ),
    "enquiry_not_repeated": Quirk(
        c.CLAUSE_CONTENTION,
        "Does not repeat ENQ after contention but waits for ACK to the first one.",
        f"ACK is sent {c.STORED_ENQUIRY_S:g} s after contention unless ENQ came again.",
    ),
    "echoes_sent_bytes": Quirk(
        "physical layer",
        "The converter of the line returns our own bytes.",
        "Bytes equal to those just sent are dropped; the first difference ends that.",
    ),
    "reply_doubled": Quirk(
        c.CLAUSE_ACKNOWLEDGEMENT,
        "Sends ACK, NAK or EOT twice.",
        "The byte after a reply is dropped when it equals the reply.",
    ),
}

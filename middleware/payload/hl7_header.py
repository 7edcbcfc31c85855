"""The MSH segment of what Labwire sends to a LIS: who speaks to whom, when, and which answers are wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.payload.hl7_time import stamp_in_zone
from middleware.payload.outgoing import RenderContext
from middleware.wire.hl7.delimiters import escape


@dataclass(frozen=True, slots=True)
class Hl7Names:
    """MSH-3 to MSH-6, and whether enhanced acknowledgements are asked for (MSH-15, MSH-16).

    An empty sending facility means the node's name.
    """

    sending_application: str = "LABWIRE"
    sending_facility: str = ""
    receiving_application: str = "LIS"
    receiving_facility: str = ""
    is_enhanced: bool = False


def header(message_type: str, names: Hl7Names, context: RenderContext) -> str:
    """MSH of HL7 2.5.1 in UTF-8; `message_type` is MSH-9 as written."""
    asked = "AL" if names.is_enhanced else ""
    return (
        f"MSH|^~\\&|{escape(names.sending_application)}"
        f"|{escape(names.sending_facility or context.node)}"
        f"|{escape(names.receiving_application)}|{escape(names.receiving_facility)}"
        f"|{stamp_in_zone(context.created_at, context.time_zone)}||{message_type}"
        f"|{context.control_id}|{context.processing_id}|2.5.1|||{asked}|{asked}||UNICODE UTF-8"
    )


def whole(lines: list[str]) -> bytes:
    """The message in UTF-8, each segment ended by CR."""
    # A lone surrogate can come from nowhere but a damaged setting; it must not stop the others.
    return "\r".join([*lines, ""]).encode("utf-8", "replace")

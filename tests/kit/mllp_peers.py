"""HL7 messages, acknowledgements and a connected MLLP link, for the tests of the link."""

from __future__ import annotations

from middleware.wire.events import Event, SessionOpened
from middleware.wire.hl7 import parse
from middleware.wire.mllp import Block, BlockReader, MllpLink, MllpLinkOptions


def message(control_id: str, more: str = "") -> bytes:
    return f"MSH|^~\\&|A|B|C|D|2031||ORU^R01|{control_id}|P|2.5.1{more}\rOBX|1\r".encode()


def acknowledgement(control_id: str, code: str = "AA") -> bytes:
    return f"MSH|^~\\&|C|D|A|B|2031||ACK|9|P|2.5.1\rMSA|{code}|{control_id}\r".encode()


def connected(**options: float) -> MllpLink:
    link = MllpLink(MllpLinkOptions(**options))  # type: ignore[arg-type]
    assert link.connection_made(0.0) == [SessionOpened()]
    return link


def received(link: MllpLink, data: bytes, now: float = 0.0) -> list[Event]:
    return link.receive_bytes(data, now)


def sent(link: MllpLink) -> list[bytes]:
    """The blocks that the link wrote."""
    return [
        event.data for event in BlockReader().feed(link.bytes_to_send()) if isinstance(event, Block)
    ]


def codes(link: MllpLink) -> list[tuple[str, str]]:
    """MSA-1 and MSA-2 of the acknowledgements that the link wrote."""
    return [(parse(block).get("MSA-1"), parse(block).get("MSA-2")) for block in sent(link)]

"""IHE LAW messages with invented people, and a `generic_law` driver that can be varied, for tests of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.protocols.law import PROTOCOL, LawDriver
from middleware.driver.api import AnswerContext, DecodeContext, LinkContext
from middleware.driver.profile import Profile, read_profile
from middleware.model import Envelope
from middleware.wire.events import MessageReceived
from middleware.wire.mllp import Block, BlockReader, MllpLink, encode_block

PROFILE = Path(__file__).resolve().parents[2] / "drivers/analyzers/generic_law/driver.toml"
NOW = datetime(2031, 3, 4, 8, 59, 1, tzinfo=UTC)
ANSWERED = AnswerContext(NOW, "TEST01Q7", "Europe/Berlin")
CONTEXT = DecodeContext(time_zone="Europe/Berlin")


def generic_law(**protocol: Any) -> LawDriver:
    """The driver of the generic profile, with other words in its `[protocol]` table."""
    read: Profile = read_profile(PROFILE.read_text(encoding="utf-8"), "generic_law")
    return PROTOCOL.make_driver(read.model_copy(update={"protocol": protocol}))


def header(kind: str, control_id: str, more: Mapping[int, str] | None = None) -> str:
    """MSH of an emulated analyzer; `more` gives other fields by their numbers."""
    fields = {
        3: "DEMO-CHEM^SN0042^SN",
        5: "MW",
        7: "20310304085900+0100",
        9: kind,
        10: control_id,
        11: "P",
        12: "2.5.1",
        15: "NE",
        16: "AL",
        18: "UNICODE UTF-8",
        21: "LAB-27^IHE" if kind.startswith("QBP") else "LAB-29^IHE",
        **(more or {}),
    }
    values = [fields.get(number, "") for number in range(3, 22)]
    return "|".join(["MSH", "^~\\&", *values]).rstrip("|")


def message(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()


def query(qpd: str = "QPD|WOS^Work Order Step^IHELAW|Q-77|2603140001|R07|3", **more: Any) -> bytes:
    lines = [header("QBP^Q11^QBP_Q11", "A-1001", more.get("header")), qpd]
    return message(*[line for line in lines if line], "RCP|I||R^Real Time^HL70394")


SPM = "SPM|1|2603140001&LIS||SER^Serum^HL70487|||||||P^^HL70369"
SAC = "SAC|||2603140001|||||||R07|3"
OBR = "OBR|1|AWOS-9001||GLU^Glucose^99DEMO"
ORC = "ORC|SC||||CM"


def obx(value: str = "5.4", **fields: str) -> str:
    """One OBX; `kind`, `code`, `run`, `unit`, `flags`, `status` replace what is usual."""
    usual = {
        "kind": "NM",
        "code": "GLU^Glucose^99DEMO",
        "run": "1",
        "unit": "mmol/L^^UCUM",
        "flags": "N^^HL70078",
        "status": "F",
        **fields,
    }
    return (
        f"OBX|1|{usual['kind']}|{usual['code']}|{usual['run']}|{value}|{usual['unit']}|3.9 to 6.1|{usual['flags']}"
        f"|||{usual['status']}|||||OP7~REALTIME||CHEM1^DEMO~SN0042^DEMO~MOD1^DEMO|20310304092210+0100"
    )


def results(*segments: str, control_id: str = "A-1010") -> bytes:
    return message(header("OUL^R22^OUL_R22", control_id), *segments)


def decoded(*segments: str, driver: LawDriver | None = None) -> Envelope:
    """What is read from an OUL^R22 with these segments."""
    return (driver or generic_law()).decode(results(*segments), CONTEXT)


def replies(text: bytes, driver: LawDriver | None = None, *, is_stored: bool = True) -> list[bytes]:
    """What the link of the driver writes for one message, committed or refused."""
    link = (driver or generic_law()).make_link({}, LinkContext(lambda: NOW, "Europe/Berlin"))
    assert isinstance(link, MllpLink)
    link.connection_made(0.0)
    for event in link.receive_bytes(encode_block(text), 0.0):
        if isinstance(event, MessageReceived):
            (link.commit if is_stored else link.refuse)(event.token, 0.0)
    return [one.data for one in BlockReader().feed(link.bytes_to_send()) if isinstance(one, Block)]


def lines(text: bytes) -> list[str]:
    """The segments of a message."""
    return text.decode().rstrip("\r").split("\r")

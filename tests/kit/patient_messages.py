"""ADT messages and earlier results as a LIS writes them; invented people only."""

from __future__ import annotations

from tests.kit.order_messages import header, text

PV1 = f"PV1|1|I|WARD1^12^B{16 * chr(124)}{{visit}}^^^HOSP"


def pid(
    number: str = "P1", birth_date: str = "19700101", sex: str = "F", name: str = "Sample^Ann"
) -> str:
    return f"PID|1||{number}^^^HOSP^MR||{name}||{birth_date}|{sex}"


def adt(
    event: str = "A08",
    number: str = "P1",
    *more: str,
    visit: str = "",
    control_id: str = "D1",
    **who: str,
) -> bytes:
    visits = [PV1.format(visit=visit)] if visit else []
    head = header(f"ADT^{event}", control_id)
    return text(head, f"EVN|{event}|20310304093000", pid(number, **who), *more, *visits)


def merge(into: str = "P1", prior: str = "P9", event: str = "A40", **who: str) -> bytes:
    return adt(event, into, f"MRG|{prior}^^^HOSP^MR", **who)


def obx(code: str = "GLU", value: str = "5.4", more: str = "|20310301080000+0100") -> str:
    return f"OBX|1|NM|{code}^{code} in words^L||{value}|mmol/L|||||F||{more}"


def oru(*observations: str, number: str = "P1", control_id: str = "E1") -> bytes:
    return text(
        header("ORU^R01^ORU_R01", control_id),
        pid(number),
        "OBR|1|OLD1||PANEL|||20310301073000+0100",
        *(observations or (obx(),)),
    )

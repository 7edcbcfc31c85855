"""Messages of orders as a LIS writes them; invented people only."""

from __future__ import annotations

PID = "PID|1||P1^^^HOSP^MR||Sample^Ann||19700101|F"


def header(
    kind: str = "OML^O33^OML_O33",
    control_id: str = "M1",
    version: str = "2.5.1",
    processing: str = "D",
    mode: str = "",
) -> str:
    """MSH; `mode` is MSH-15 and MSH-16."""
    sender = "MSH|^~\\&|LIS|LAB|LABWIRE|LAB|20310304093000|"
    return f"{sender}|{kind}|{control_id}|{processing}|{version}|||{mode}"


def text(*segments: str) -> bytes:
    return ("\r".join(one for one in segments if one) + "\r").encode()


def orc(control: str = "NW", number: str = "O1") -> str:
    return f"ORC|{control}|{number}"


def obr(code: str, number: str = "O1", more: str = "") -> str:
    return f"OBR|1|{number}||{code}^{code} in words^L{more}"


def spm(sample_id: str) -> str:
    return f"SPM|1|{sample_id}^||SER^Serum^HL70487|||||||P||||||20310304080000+0100"


def oml_o33(sample_id: str = "S1", *tests: str, control: str = "NW", **head: str) -> bytes:
    orders = [line for test in tests or ("GLU",) for line in (orc(control), obr(test))]
    return text(header(**head), PID, spm(sample_id), f"SAC|||{sample_id}", *orders)


def oml_o21(sample_id: str = "S1", *tests: str, control: str = "NW", **head: str) -> bytes:
    orders = [
        line
        for test in tests or ("GLU",)
        for line in (orc(control), "TQ1|1||||||||S^Stat^HL70485", obr(test), spm(sample_id))
    ]
    return text(header("OML^O21^OML_O21", **head), PID, *orders)


def orm_o01(sample_id: str = "S1", *tests: str, control: str = "NW", version: str = "2.3") -> bytes:
    orders = [
        line
        for test in tests or ("GLU",)
        for line in (orc(control), f"OBR|1|O1|{sample_id}|{test}^{test}^L|||||||||||SER")
    ]
    return text(header("ORM^O01", version=version), PID, *orders)

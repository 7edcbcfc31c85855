"""Speaks LAW as an analyzer: results of work order steps (LAB-29) and queries (LAB-27) on top of HL7."""

from __future__ import annotations

from drivers.protocols.hl7.speak import Hl7Voice
from drivers.protocols.law.tables import SUPPLEMENTAL_SYSTEM
from middleware.driver.speak import Said, Texts

_KINDS = {False: "OUL^R22^OUL_R22", True: "QBP^Q11^QBP_Q11"}
_TRANSACTIONS = {False: "LAB-29^IHE", True: "LAB-27^IHE"}


class LawVoice(Hl7Voice):
    """The analyzer's side of one LAW driver: what it measured on its own account."""

    version = "2.5.1"
    orders = ("OBR", "ORC")

    def kind(self, said: Said) -> str:
        """OUL^R22 or QBP^Q11."""
        return _KINDS[said.query is not None]

    def asking(self, said: Said) -> list[str]:
        """QPD with its name and tag, and RCP (TF-2b 3.27)."""
        name = {"QPD-1": "WOS^Work Order Step^IHELAW", "QPD-2": f"Q{said.number}"}
        query = Said(
            said.header,
            query={**name, **(said.query or {}), "RCP-1": "I", "RCP-3": "R^Real Time^HL70394"},
        )
        return super().asking(query)

    def beside_header(self, said: Said) -> Texts:
        """Enhanced acknowledgement, and the transaction (TF-2b appendix)."""
        return {"MSH-15": "NE", "MSH-16": "AL", "MSH-21": _TRANSACTIONS[said.query is not None]}

    def beside_order(self) -> Texts:
        """A step that no order asked for (OBR-2 is null), and that is complete."""
        return {"OBR-1": "1", "OBR-2": '""', "OBR-4": "PANEL", "ORC-1": "SC", "ORC-5": "CM"}

    def beside_result(self, texts: Texts) -> Texts:
        """A result, and LAW's own system for the kind of observation."""
        system = {"OBX-3.6": SUPPLEMENTAL_SYSTEM} if "OBX-3.4" in texts else {}
        return {"OBX-29": "RSLT", **system}

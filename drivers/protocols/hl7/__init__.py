"""HL7 v2 results (ORU, OUL) over MLLP or in files: profiles interpreted into drivers."""

from __future__ import annotations

from drivers.protocols.hl7.driver import PROTOCOL, Hl7Driver, Hl7Protocol

__all__ = ["PROTOCOL", "Hl7Driver", "Hl7Protocol"]

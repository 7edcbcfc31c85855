"""IHE LAW (LAB-27, LAB-28, LAB-29) as Analyzer Manager: profiles interpreted into drivers."""

from __future__ import annotations

from drivers.protocols.law.driver import LawDriver
from drivers.protocols.law.protocol import PROTOCOL, LawProtocol

__all__ = ["PROTOCOL", "LawDriver", "LawProtocol"]

"""The protocol `columns`: tables as text, delimited or of fixed width, described by a profile."""

from drivers.protocols.columns.driver import PROTOCOL

__all__ = ["PROTOCOL"]

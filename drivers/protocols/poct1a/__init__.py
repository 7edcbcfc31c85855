"""The protocol `poct1a`: POCT1-A device messages, XML documents over a POCT1-A conversation."""

from drivers.protocols.poct1a.driver import PROTOCOL

__all__ = ["PROTOCOL"]

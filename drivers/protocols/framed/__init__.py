"""The protocol `framed`: telegrams that follow no standard, described by a profile."""

from drivers.protocols.framed.driver import PROTOCOL

__all__ = ["PROTOCOL"]

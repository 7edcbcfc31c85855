"""The protocol `lis2`: LIS02-A2 (ASTM E1394) records over a LIS01-A2 link."""

from drivers.protocols.lis2.protocol import PROTOCOL

__all__ = ["PROTOCOL"]

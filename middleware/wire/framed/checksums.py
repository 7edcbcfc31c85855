"""The checksums that analyzers write: each a function of the bytes it covers, giving what stands on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import reduce
from operator import xor
from types import MappingProxyType

_CCITT, _CCITT_FIRST = 0x1021, 0xFFFF
_MODBUS, _MODBUS_FIRST = 0xA001, 0xFFFF


class ChecksumKind(StrEnum):
    """How a frame is proved."""

    NONE = "none"
    XOR_BYTE = "xor_byte"  # block check character: all bytes by exclusive or, one byte
    XOR_HEX = "xor_hex"  # the same as two hexadecimal digits
    SUM_BYTE = "sum_byte"  # sum modulo 256, one byte
    SUM_HEX = "sum_hex"  # the same as two hexadecimal digits
    COMPLEMENT_HEX = "complement_hex"  # two's complement of the sum (LRC), two hexadecimal digits
    CRC16_CCITT_HEX = "crc16_ccitt_hex"  # polynomial 1021, begun with FFFF, four hexadecimal digits
    CRC16_MODBUS_BYTES = "crc16_modbus_bytes"  # polynomial 8005 reversed, low byte first


def _crc_ccitt(data: bytes) -> int:
    value = _CCITT_FIRST
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = ((value << 1) ^ _CCITT if value & 0x8000 else value << 1) & 0xFFFF
    return value


def _crc_modbus(data: bytes) -> int:
    value = _MODBUS_FIRST
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ _MODBUS if value & 1 else value >> 1
    return value


CHECKSUMS: Mapping[ChecksumKind, tuple[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        ChecksumKind.NONE: (0, lambda _: b""),
        ChecksumKind.XOR_BYTE: (1, lambda data: bytes((reduce(xor, data, 0),))),
        ChecksumKind.XOR_HEX: (2, lambda data: b"%02X" % reduce(xor, data, 0)),
        ChecksumKind.SUM_BYTE: (1, lambda data: bytes((sum(data) & 0xFF,))),
        ChecksumKind.SUM_HEX: (2, lambda data: b"%02X" % (sum(data) & 0xFF)),
        ChecksumKind.COMPLEMENT_HEX: (2, lambda data: b"%02X" % (-sum(data) & 0xFF)),
        ChecksumKind.CRC16_CCITT_HEX: (4, lambda data: b"%04X" % _crc_ccitt(data)),
        ChecksumKind.CRC16_MODBUS_BYTES: (2, lambda data: _crc_modbus(data).to_bytes(2, "little")),
    }
)
"""The length on the wire, and the function. Hexadecimal digits are compared without regard to upper and lower case."""

HEXADECIMAL = frozenset(
    {
        ChecksumKind.XOR_HEX,
        ChecksumKind.SUM_HEX,
        ChecksumKind.COMPLEMENT_HEX,
        ChecksumKind.CRC16_CCITT_HEX,
    }
)

BINARY = frozenset({ChecksumKind.XOR_BYTE, ChecksumKind.SUM_BYTE, ChecksumKind.CRC16_MODBUS_BYTES})
"""Checksums that can be any bytes, also those that mean something in the frame."""

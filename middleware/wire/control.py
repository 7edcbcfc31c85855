"""ASCII control characters by name, and wire bytes rendered so that a technician can read them."""

from __future__ import annotations

from enum import IntEnum


class Control(IntEnum):
    """The control characters of ASCII; the names are those that protocol manuals print."""

    NUL = 0x00
    SOH = 0x01
    STX = 0x02
    ETX = 0x03
    EOT = 0x04
    ENQ = 0x05
    ACK = 0x06
    BEL = 0x07
    BS = 0x08
    HT = 0x09
    LF = 0x0A
    VT = 0x0B
    FF = 0x0C
    CR = 0x0D
    SO = 0x0E
    SI = 0x0F
    DLE = 0x10
    DC1 = 0x11
    DC2 = 0x12
    DC3 = 0x13
    DC4 = 0x14
    NAK = 0x15
    SYN = 0x16
    ETB = 0x17
    CAN = 0x18
    EM = 0x19
    SUB = 0x1A
    ESC = 0x1B
    FS = 0x1C
    GS = 0x1D
    RS = 0x1E
    US = 0x1F
    DEL = 0x7F

    @property
    def byte(self) -> bytes:
        """The character as one byte, ready to be sent."""
        return bytes((self.value,))


_READABLE: dict[int, str] = {
    **{member.value: f"<{member.name}>" for member in Control},
    # Bytes 80 to 9F have no printable form in ISO 8859-1; terminals obey some of them.
    **{code: f"<{code:02X}>" for code in range(0x80, 0xA0)},
}


def readable(data: bytes) -> str:
    """Wire bytes for people: `<STX>1H|\\^&<CR><ETX>A3<CR><LF>`.

    Bytes above 9F are shown as their ISO 8859-1 letter: this rendering is for looking, never for
    reading values from.
    """
    return data.decode("latin-1").translate(_READABLE)

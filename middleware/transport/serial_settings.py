"""The settings of serial transports: a port of this machine, or one of a terminal server that speaks RFC 2217."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

STOP_BITS = (1, 1.5, 2)


class Parity(StrEnum):
    """The parity bit of a character."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"
    MARK = "mark"
    SPACE = "space"


class FlowControl(StrEnum):
    """Who may stop whom, and by what."""

    NONE = "none"
    RTS_CTS = "rts_cts"
    XON_XOFF = "xon_xoff"  # never with protocols whose data may hold 11 or 13 (hex)
    DSR_DTR = "dsr_dtr"


class _SerialLine(BaseModel):
    """How characters travel, and when a lost port is tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baud: int = Field(default=9600, ge=50, le=4_000_000, description="Speed in bits per second.")
    data_bits: Literal[5, 6, 7, 8] = Field(default=8, description="Data bits of a character.")
    parity: Parity = Field(
        default=Parity.NONE, description="Parity bit: `none`, `even`, `odd`, `mark` or `space`."
    )
    stop_bits: float = Field(default=1, description="Stop bits: 1, 1.5 or 2.")
    flow_control: FlowControl = Field(
        default=FlowControl.NONE,
        description="`none`, `rts_cts`, `xon_xoff` or `dsr_dtr`; as the analyzer is set and the cable is wired.",
    )
    rts: bool = Field(default=True, description="Assert RTS while the port is open.")
    dtr: bool = Field(
        default=True, description="Assert DTR while the port is open; some analyzers look for it."
    )
    retry_first_s: float = Field(
        default=1.0, gt=0, le=600, description="Seconds before a lost port is tried again."
    )
    retry_longest_s: float = Field(
        default=5.0, gt=0, le=3600, description="Longest wait between two attempts, in seconds."
    )

    @field_validator("stop_bits")
    @classmethod
    def _stop_bits_exist(cls, value: float) -> float:
        if value not in STOP_BITS:
            raise ValueError("stop_bits is 1, 1.5 or 2")
        return value

    @model_validator(mode="after")
    def _retries_are_ordered(self) -> _SerialLine:
        if self.retry_longest_s < self.retry_first_s:
            raise ValueError("retry_longest_s must not be shorter than retry_first_s")
        return self


class SerialSettings(_SerialLine):
    """A serial port of this machine."""

    type: Literal["serial"] = Field(description='"serial": a serial port of this machine.')
    port: str = Field(
        min_length=1,
        description="Its name; a stable one as /dev/serial/by-id/usb-FTDI_… (Linux) or COM3 (Windows).",
    )


class Rfc2217Settings(_SerialLine):
    """A serial port of a terminal server that takes the serial settings over the wire (RFC 2217)."""

    type: Literal["rfc2217"] = Field(
        description='"rfc2217": a port of a terminal server, with its serial settings.'
    )
    host: str = Field(min_length=1, description="Name or address of the terminal server.")
    port: int = Field(ge=1, le=65535, description="TCP port of that serial port.")
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="Seconds to wait for a connection to come up."
    )

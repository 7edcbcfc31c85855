"""Writes the messages that our end sends: acknowledgements, requests, directives, keep-alive, end."""

from __future__ import annotations

from html import escape

from middleware.wire.poct1a import constants as c

_LONGEST_NOTE = 200


def message(root: str, control_id: str, moment: str, body: str) -> bytes:
    """A message with its header. `moment` is ISO 8601 with offset; empty: the header has no time."""
    header = field("HDR.message_type", root) + field("HDR.control_id", control_id)
    header += field("HDR.version_id", c.VERSION_ID)
    if moment:
        header += field("HDR.creation_dttm", moment)
    return f"<{root}><HDR>{header}</HDR>{body}</{root}>".encode()


def field(name: str, text: str, **more: str) -> str:
    """One field: its value, and further attributes such as U for the unit."""
    others = "".join(f' {key}="{_plain(value)}"' for key, value in more.items())
    return f'<{name} V="{_plain(text)}"{others}/>'


def _plain(text: str) -> str:
    """A text as an attribute; characters that XML does not allow are left out."""
    allowed = "".join(char for char in text if char >= " " and not "\ud800" <= char <= "\udfff")
    return escape(allowed, quote=True)


def acknowledgement(control_id: str, moment: str, acknowledged: str, note: str = "") -> bytes:
    """ACK.R01 of the message `acknowledged`: AA, or AE when `note` says what is wrong."""
    body = field("ACK.type_cd", c.ERROR if note else c.ACCEPT)
    body += field("ACK.ack_control_id", acknowledged)
    if note:
        body += field("ACK.note_txt", note[:_LONGEST_NOTE])
    return message("ACK.R01", control_id, moment, f"<ACK>{body}</ACK>")


def request(control_id: str, moment: str, what: str) -> bytes:
    """REQ.R01: `what` is ROBS or RDEV."""
    return message("REQ.R01", control_id, moment, f"<REQ>{field('REQ.request_cd', what)}</REQ>")


def directive(control_id: str, moment: str, command: str) -> bytes:
    """DTV.R01: a directive without parameters."""
    return message("DTV.R01", control_id, moment, f"<DTV>{field('DTV.command_cd', command)}</DTV>")


def set_time(control_id: str, moment: str) -> bytes:
    """DTV.R02 SET_TIME: the analyzer's clock is to show `moment`."""
    body = f"<DTV>{field('DTV.command_cd', c.SET_TIME)}</DTV><TM>{field('TM.dttm', moment)}</TM>"
    return message("DTV.R02", control_id, moment, body)


def keep_alive(control_id: str, moment: str) -> bytes:
    """KPA.R01."""
    return message("KPA.R01", control_id, moment, "")


def end(control_id: str, moment: str) -> bytes:
    """END.R01: the conversation is over."""
    return message(
        "END.R01", control_id, moment, f"<END>{field('END.reason_cd', c.NORMAL_END)}</END>"
    )

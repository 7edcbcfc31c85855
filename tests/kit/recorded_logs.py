"""One invented session, and how loggers of all kinds write it down."""

from __future__ import annotations

import json

from middleware.wire.lis1.frame import checksum

RECORDS = (
    r"H|\^&|||PLAIN-CHEM^SN1^1.0|||||||P|1|20310304093000",
    "P|1|PID90210||||DOE^JANE||19700102|F",
    "O|1|A1000777||^^^GLU|R||||||N||||||||||||||F",
    "R|1|^^^GLU|5.4|mmol/L|3.9^5.8|N||F||OP7||20310304092500",
    "R|2|^^^CREA|88|umol/L||H||F||OP7||20310304092600",
    "L|1|N",
)


def frame(number: int, record: str, end: bytes = b"\x03") -> bytes:
    """One record in one frame."""
    body = b"%d" % (number % 8) + record.encode("latin-1") + b"\r" + end
    return b"\x02" + body + checksum(body) + b"\r\n"


FRAMES = tuple(frame(number, record) for number, record in enumerate(RECORDS, start=1))
SESSION = b"\x05" + b"".join(FRAMES) + b"\x04"
STEPS = (b"\x05", *FRAMES, b"\x04")
_NAMES = {0x05: "ENQ", 0x04: "EOT", 0x02: "STX", 0x03: "ETX", 0x0D: "CR", 0x0A: "LF", 0x06: "ACK"}


def named(data: bytes, left: str = "<", right: str = ">") -> str:
    """Control characters by name."""
    return "".join(f"{left}{_NAMES[one]}{right}" if one in _NAMES else chr(one) for one in data)


def named_lines(left: str = "<", right: str = ">") -> str:
    """A line of the log for each write."""
    return "".join(named(step, left, right) + "\n" for step in STEPS)


def carets() -> str:
    """As `cat -v` shows it, a line for each write."""
    return "".join(
        "".join(f"^{chr(one ^ 0x40)}" if one < 0x20 else chr(one) for one in step) + "\n"
        for step in STEPS
    )


def without_line_ends() -> str:
    """A logger that drops CR and LF and writes a line for each frame."""
    return named_lines().replace("<CR>", "").replace("<LF>", "")


def pairs() -> str:
    """Hexadecimal pairs on one line."""
    return " ".join(f"{one:02X}" for one in SESSION) + "\n"


def xxd() -> str:
    """As `xxd` writes it: offset, groups of four digits, readable column."""
    return _dump(8, 2, lambda at: f"{at:08x}: ", lambda text: f"  {text}")


def hexdump() -> str:
    """As `hexdump -C` writes it."""
    lines = _dump(16, 1, lambda at: f"{at:08x}  ", lambda text: f"  |{text}|")
    return f"{lines}{len(SESSION):08x}\n"


def _dump(width: int, group: int, front, back) -> str:  # type: ignore[no-untyped-def]
    lines = []
    for at in range(0, len(SESSION), width):
        piece = SESSION[at : at + width]
        text = "".join(chr(one) if 0x20 <= one < 0x7F else "." for one in piece)
        digits = " ".join(piece[one : one + group].hex() for one in range(0, len(piece), group))
        lines.append(front(at) + digits.ljust(width * 3) + back(text))
    return "\n".join(lines) + "\n"


def both_directions(
    ours: str, theirs: str, form: str = "2031-03-04 09:30:{second:02}.120 {mark} {text}"
) -> str:
    """A log of both directions, with a time and a mark before each line."""
    lines = []
    for second, step in enumerate(STEPS):
        lines.append(form.format(second=second, mark=ours, text=named(step)))
        if step != b"\x04":
            lines.append(form.format(second=second, mark=theirs, text="<ACK>"))
    return "\n".join(lines) + "\n"


def printed() -> str:
    """As a program prints its bytes, one line for each write."""
    return "".join(f"{step!r}\n" for step in STEPS)


def escaped_json() -> str:
    """As a string in JSON."""
    return json.dumps({"raw": SESSION.decode("latin-1")})


def numbers() -> str:
    """As an array of decimal numbers."""
    return str(list(SESSION)) + "\n"


def pictures() -> str:
    """As a terminal program shows control characters."""
    return "".join(chr(0x2400 + one) if one < 0x20 else chr(one) for one in SESSION)

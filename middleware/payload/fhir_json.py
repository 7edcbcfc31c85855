"""FHIR R4 as JSON text: decimals as released, nothing empty, names of entries that stay the same. Pure.

A decimal keeps its digits (FHIR R4 2.6.2: the precision counts), so numbers are written here and not by way of a float.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LEADING_ZEROS = re.compile(r"^(-?)0+(?=\d)")
_NOT_IN_STRINGS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # FHIR R4 2.24.0.1, string
_MARK = "\ue000"  # for private use (Unicode 23.5): a text that has it is written the other way
_SUSPICIOUS = (
    "\\u00",
    "\\b",
    "\\f",
)  # as JSON writes control characters; a false alarm costs only time
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Number:
    """An exact decimal as text."""

    text: str


def number(text: str) -> Number:
    """Digits as released in the form of JSON: no `+`, no leading zeros, a digit on both sides of the point."""
    plain = text.removeprefix("+")
    sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
    if digits.startswith("."):
        digits = f"0{digits}"
    return Number(_LEADING_ZEROS.sub(r"\1", sign + digits.removesuffix(".")))


def filled(**fields: Any) -> dict[str, Any]:
    """An element without what is empty, for FHIR knows no empty texts, lists and elements (R4 2.6.2)."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def document(value: Any) -> bytes:
    """JSON in UTF-8, in the order given."""
    # A lone surrogate can come from nowhere but a damaged setting; it must not stop the others.
    return (_written_at_once(value) or _written(value)).encode("utf-8", "replace")


def _written_at_once(value: Any) -> str:
    """The same by the standard library, six times as fast; empty where a text has a sign that needs care."""
    numbers: list[str] = []

    def marked(one: Number) -> str:
        numbers.append(one.text)
        return f"{_MARK}{one.text}{_MARK}"

    text = json.dumps(value, default=marked, ensure_ascii=False, separators=(",", ":"))
    if text.count(_MARK) != 2 * len(numbers) or any(one in text for one in _SUSPICIOUS):
        return ""
    return text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "")


def _written(value: Any) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Mapping):
        pairs = [f"{json.dumps(name)}:{_written(one)}" for name, one in value.items()]
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join([_written(one) for one in value])}]"
    if isinstance(value, str):
        return json.dumps(_NOT_IN_STRINGS.sub("\ufffd", value), ensure_ascii=False)
    return json.dumps(value)


def entry_name(text: str) -> str:
    """A fullUrl of an entry (FHIR R4 2.36.4): always the same for the same text (RFC 9562 5.8, UUIDv8)."""
    digest = bytearray(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    digits = digest.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return f"urn:uuid:{'-'.join(parts)}"


def by_identifier(identifier: Mapping[str, Any]) -> str:
    """The search for a resource by its identifier (FHIR R4 3.1.1.5.12 and .7: what has a meaning there is escaped)."""
    return f"identifier={_quoted(identifier['system'])}%7C{_quoted(identifier['value'])}"


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    escaped = re.sub(r"([\\$,|])", r"\\\1", text).encode("utf-8", "replace")
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in escaped])

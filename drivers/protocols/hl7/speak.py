"""Speaks HL7 v2 as an analyzer: the texts of a twin as ORU^R01 or OUL^R22, over MLLP with the profile's quirks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from drivers.protocols.hl7.quirky_link import BLOCKS, QuirkyMllpLink
from drivers.protocols.hl7.tables import ABNORMAL_FLAGS, ORDER_QUERY, RESULT_STATUSES
from middleware.driver.profile import Profile
from middleware.driver.quirks import NUL_IN_TEXT
from middleware.driver.speak import Dialect, Part, Said, SaidTube, Texts, written_field
from middleware.errors import DriverError
from middleware.wire.hl7 import AckOutcome, Path, Raw, classify, compose, parse, segment
from middleware.wire.hl7.delimiters import DEFAULT_DELIMITERS, escape
from middleware.wire.hl7.parse import BYTE_ORDER_MARK, DELIMITERS_DAMAGED, LINE_FEED_SEPARATORS
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLinkOptions

_MARKS = (
    DEFAULT_DELIMITERS.repetition,
    DEFAULT_DELIMITERS.component,
    DEFAULT_DELIMITERS.subcomponent,
)
_NUMBER = re.compile(r"[<>]?=? ?[+-]?[0-9]+(\.[0-9]+)?")
_OF_PATIENT = ("PID", "PV1", "PD1")
_OF_SPECIMEN = ("SPM", "SAC", "INV")
_OF_ORDER = ("ORC", "OBR")
_IN_TEXT = (BYTE_ORDER_MARK, DELIMITERS_DAMAGED, LINE_FEED_SEPARATORS, NUL_IN_TEXT)
_BYTES_OF_MARK = b"\xef\xbb\xbf"

DIALECT = Dialect(
    of_message=("MSH-",),
    of_result=("OBX-", "TCD-", "INV-16", "NTE-", "SID-"),
    flags=ABNORMAL_FLAGS,
    statuses=RESULT_STATUSES,
    control=("MSH-11.1", "Q"),
    component=DEFAULT_DELIMITERS.component,
)

Fields = Mapping[str, Texts]
"""Path to text, by segment."""


class Hl7Voice:
    """The analyzer's side of one HL7 driver (`middleware.driver.speak.Voice`)."""

    dialect = DIALECT
    version = "2.3.1"

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._quirks = profile.link.quirks
        self._of_text = tuple(name for name in self._quirks if name in _IN_TEXT)

    @property
    def untold(self) -> tuple[str, ...]:
        """Quirks that it does not show."""
        known = {*BLOCKS, *_IN_TEXT}
        return tuple(f"the quirk {name}" for name in self._quirks if name not in known)

    def compose(self, said: Said, encoding: str) -> bytes:
        """MSH, and for each specimen PID, SPM, SAC, OBR and its observations; or a query."""
        shared = [tube.shared for tube in said.tubes]
        header = {path: text for one in shared for path, text in one.items() if _is_of(path, "MSH")}
        lines = [self._header({**header, **said.header}, said)]
        if said.query is not None:
            lines += self.asking(said)
        for number, tube in enumerate(said.tubes, start=1):
            lines += self._tube(tube, number)
        return self._with_quirk(compose(lines), said)

    def greeting(self, said: Said, encoding: str) -> tuple[bytes, ...]:
        """None: the first message says everything."""
        return ()

    def is_taken(self, reply: bytes) -> bool:
        """AA or CA."""
        control_id = parse(reply).get("MSA-2").strip()
        return classify(reply, control_id).outcome is AckOutcome.ACCEPTED

    def make_link(self) -> Link:
        """An MLLP link."""
        return QuirkyMllpLink(MllpLinkOptions(), self._quirks)

    # -- what a protocol on top of this one says otherwise -------------------------------------------

    def kind(self, said: Said) -> str:
        """MSH-9."""
        if said.query is not None:
            if _has(said.query, "ORC"):
                return "ORM^O01"
            return "QRY^Q02" if _has(said.query, "QRD") else "QBP^Q11^QBP_Q11"
        has_specimen = any(
            _has(tube.shared, "SPM") or _has(tube.shared, "SAC") for tube in said.tubes
        )
        return "OUL^R22^OUL_R22" if has_specimen else "ORU^R01"

    def asking(self, said: Said) -> list[str]:
        """The segments of a query."""
        texts = dict(said.query or {})
        if _has(texts, "ORC"):
            texts["ORC-1"] = ORDER_QUERY
        names = dict.fromkeys(Path.parse(path).segment for path in texts)
        return [_segment(name, _of(texts, name)) for name in names]

    def beside_header(self, said: Said) -> Texts:
        """Further texts of MSH."""
        return {}

    def beside_order(self) -> Texts:
        """Further texts of OBR and ORC."""
        return {"OBR-1": "1"}

    def beside_result(self, texts: Texts) -> Texts:
        """Further texts of OBX."""
        return {}

    # -- parts ------------------------------------------------------------------------------------

    def _header(self, texts: Texts, said: Said) -> str:
        usual = {
            "MSH-7": said.moment,
            "MSH-9": self.kind(said),
            "MSH-10": str(said.number),
            "MSH-11": "P",
            "MSH-12": self.version,
            "MSH-18": "UNICODE UTF-8",
            **self.beside_header(said),
        }
        said_fields = {_field_of(path) for path in texts}
        kept = {path: text for path, text in usual.items() if _field_of(path) not in said_fields}
        return _segment("MSH", {**kept, **texts})

    def _tube(self, tube: SaidTube, number: int) -> list[str]:
        """Each begins with a PID: what has none would belong to the patient before it."""
        shared = {"PID-1": str(number), **self.beside_order(), **tube.shared}
        names = dict.fromkeys(Path.parse(path).segment for path in shared)
        order = [*_OF_PATIENT, *_OF_SPECIMEN, *self.orders]
        known = {*order, "MSH"}
        lines = [
            _segment(name, _of(shared, name))
            for name in (*order, *(one for one in names if one not in known))
            if name in names
        ]
        for at, texts in enumerate(tube.results, start=1):
            lines += self._result(texts, at)
        return lines

    orders = _OF_ORDER
    """Segments of the order, as they follow each other."""

    def _result(self, texts: Texts, number: int) -> list[str]:
        value = texts.get(self._profile.result.value, "").strip()
        kind = "NM" if _NUMBER.fullmatch(value) else "ST"
        said = {"OBX-1": str(number), "OBX-2": kind, **self.beside_result(texts), **texts}
        names = dict.fromkeys(("OBX", *(Path.parse(path).segment for path in texts)))
        return [_segment(name, _of(said, name)) for name in names]

    def _with_quirk(self, text: bytes, said: Said) -> bytes:
        """One of the quirks of the text, in turn."""
        if not self._of_text:
            return text
        quirk = self._of_text[said.number % len(self._of_text)]
        if quirk == LINE_FEED_SEPARATORS:
            return text.replace(b"\r", b"\r\n")
        if quirk == NUL_IN_TEXT:
            return text.replace(b"\r", b"\0\r", 1)
        if quirk == DELIMITERS_DAMAGED:
            return text.replace(rb"MSH|^~\&|", rb"MSH|^~\\&|", 1)
        return _BYTES_OF_MARK + text


def _is_of(path: str, name: str) -> bool:
    return path.startswith((f"{name}-", f"{name}("))


def _has(texts: Iterable[str], name: str) -> bool:
    return any(_is_of(path, name) for path in texts)


def _of(texts: Texts, name: str) -> dict[str, str]:
    return {path: text for path, text in texts.items() if _is_of(path, name)}


def _field_of(path_text: str) -> int:
    return Path.parse(path_text).field


def _segment(name: str, texts: Texts) -> str:
    fields: dict[int, dict[Part, str]] = {}
    for path_text, text in texts.items():
        path = Path.parse(path_text)
        if path.occurrence > 1:
            raise DriverError(
                f"{path_text}: only the first {name} is written",
                what_to_do="Name the segment without its number in the profile, or write the message by hand.",
                field=path_text,
            )
        part = (path.repetition or 0, path.component or 0, path.subcomponent or 0)
        fields.setdefault(path.field, {})[part] = text
    return segment(
        name, {at: Raw(written_field(parts, _MARKS, escape)) for at, parts in fields.items()}
    )

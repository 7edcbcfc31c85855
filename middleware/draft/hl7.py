"""Guesses for HL7 v2 and IHE LAW: the standard's place first, another only where the recording speaks for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from middleware.draft.columns_of import Column, column
from middleware.draft.evidence import Confidence, Findings
from middleware.draft.shapes import (
    has_letters,
    id_score,
    is_full_time,
    is_number,
    is_outcome,
    is_unit,
)
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import Message, Segment, parse

_FLAGS = frozenset(
    ["L", "H", "LL", "HH", "<", ">", "N", "A", "AA", "U", "D", "B", "W", "S", "R", "I", "MS", "VS"]
) | {""}  # HL7 2.5.1 table 0078
_STATUS = frozenset("CDFINOPRSUWX")  # HL7 2.5.1 table 0085
_ATTACHED = frozenset(("ED", "RP"))
_NEARLY_ALL = 0.95
_SHORT_ID, _LONG_ID = 4, 6
_SUPPLEMENTS = re.compile(
    r"mode|ref(erence)?[ _.]?group|^age$|remark|version|shelf|rack|tube|position", re.IGNORECASE
)
_ROLE_RULES = (
    {"path": "MSH-16", "table": {"1": "calibrator", "2": "qc"}},
    {
        "path": "OBR-4",
        "pattern": r".*QCR.*|(.*\^)? *(QC|CTRL|CONTROLS?|QUALITY CONTROL)([^A-Z].*)?",
        "role": "qc",
    },
    {
        "path": "OBR-4",
        "pattern": r"(.*\^)? *(CAL|CALIBRATORS?|CALIBRATION)([^A-Z].*)?",
        "role": "calibrator",
    },
    {
        "path": "SPM-4",
        "pattern": r"(.*\^)? *(QC|CTRL|CONTROLS?|QUALITY CONTROL)([^A-Z].*)?",
        "role": "qc",
    },
)
_GROUP = ("PID", "PV1", "ORC", "OBR", "SPM", "SAC", "OBX")
_PLACES_OF_ID = (
    ("SAC-3.1", 1.2),
    ("SPM-2.1", 1.2),
    ("OBR-3.1", 0.8),
    ("OBR-2.1", 0.5),
    ("SPM-2.2", 0.3),
)


@dataclass(frozen=True)
class Scope:
    """One observation with the segments that it stands under."""

    segments: dict[str, Segment]

    def get(self, path: str) -> str:
        """The text at `path`, '' when there is no such segment."""
        segment = self.segments.get(path[:3])
        return segment.get(path) if segment is not None else ""


def read_messages(texts: Sequence[bytes]) -> list[Message]:
    """Parse what can be parsed."""
    messages = []
    for text in texts:
        try:
            messages.append(parse(text))
        except RemoteProtocolError:
            continue  # no evidence; it is counted when the draft reads the recording
    return messages


def scopes_of(messages: Sequence[Message]) -> Iterator[Scope]:
    """Every observation."""
    for message in messages:
        open_segments: dict[str, Segment] = {"MSH": message.header}
        for segment in message.segments_in_order:
            if segment.name in _GROUP:
                open_segments[segment.name] = segment
            if segment.name == "OBX":
                yield Scope(dict(open_segments))


def guess_hl7(texts: Sequence[bytes], *, is_law: bool) -> Findings:
    """Everything that the messages say about where things are."""
    messages, found = read_messages(texts), Findings()
    scopes = [one for one in scopes_of(messages) if one.get("OBX-2") not in _ATTACHED]
    _guess_header(messages, found)
    _guess_sample_id(scopes, found)
    _guess_specimen(messages, scopes, found)
    _guess_result(scopes, found)
    _guess_time(scopes, found)
    _guess_rest(scopes, found, is_law=is_law)
    _guess_query(messages, found, is_law=is_law)
    return found


def _guess_header(messages: Sequence[Message], found: Findings) -> None:
    headers = [message.header for message in messages]
    name = column(headers, "MSH-3.1")
    if name.distinct == 1 and has_letters(name.filled[0]):
        found.likely("header.analyzer", "MSH-3.1", "the sender's name (HL7 2.5.1 2.15.9.3)")
        found.guess(
            "identify",
            {"MSH-3.1": name.filled[0]},
            "does it name the analyzer, or your laboratory?",
        )
    if column(headers, "MSH-4.1").filled:
        found.guess("header.serial", "MSH-4.1", "often a serial number, often the laboratory")
    found.certain("header.control_id", "MSH-10", "the standard's place (HL7 2.5.1 2.15.9.10)")
    if column(headers, "MSH-7").filled:
        found.certain("header.sent_at", "MSH-7", "the standard's place (HL7 2.5.1 2.15.9.7)")


# -- specimen --------------------------------------------------------------------------------------


def _guess_sample_id(scopes: Sequence[Scope], found: Findings) -> None:
    if not scopes:
        found.guess(
            "specimen.sample_id",
            ("SAC-3.1", "SPM-2.1", "OBR-3.1"),
            "no result in the recording; the usual places",
        )
        found.missing.append(
            "No observation was recorded: record a result to learn where the sample id is."
        )
        return
    places = [(column(_orders(scopes), path), usual) for path, usual in _PLACES_OF_ID]
    filled = [(place, id_score(place.texts) + usual) for place, usual in places if place.filled]
    if not filled:
        found.guess(
            "specimen.sample_id", "OBR-3.1", "empty in the recording, so every result would be held"
        )
        found.missing.append(
            "The place of the sample id is not proven: scan a tube with a barcode and record its result."
        )
        return
    best = _best_place(filled)
    others = [place.path for place, _ in filled if place is not best]
    paths: tuple[str, ...] = (best.path,)
    if best.path.startswith("SAC") and "SPM-2.1" in others:
        paths = ("SAC-3.1", "SPM-2.1")
    agree = all(set(place.filled) <= set(best.filled) for place, _ in filled)
    also = f"; also filled: {', '.join(others)}" if others else ""
    is_long = best.part_that(lambda text: len(text) >= 4) == 1.0  # noqa: PLR2004
    sure = (
        Confidence.LIKELY
        if (agree or best.path[:3] in ("SAC", "SPM")) and is_long
        else Confidence.GUESS
    )
    value = paths if len(paths) > 1 else paths[0]
    found.add(
        "specimen.sample_id", value, sure, f"{best.said} orders{also}; compare it with a tube"
    )


def _best_place(filled: Sequence[tuple[Column, float]]) -> Column:
    """The most likely place; a running number is on no tube where something longer stands."""
    best = max(filled, key=lambda one: one[1])[0]
    long = [one for one in filled if one[0].part_that(lambda text: len(text) >= _LONG_ID) == 1.0]
    if long and best.part_that(lambda text: text.isdigit() and len(text) < _SHORT_ID) == 1.0:
        return max(long, key=lambda one: one[1])[0]
    return best


def _orders(scopes: Sequence[Scope]) -> list[Scope]:
    """One observation for each order."""
    seen: dict[int, Scope] = {}
    for scope in scopes:
        order = scope.segments.get("OBR", scope.segments["OBX"])
        seen.setdefault(id(order), scope)
    return list(seen.values())


def _guess_specimen(messages: Sequence[Message], scopes: Sequence[Scope], found: Findings) -> None:
    found.guess(
        "specimen.role",
        _ROLE_RULES,
        "beside the standard's marks in MSH-11, SPM-11 and OBR-15; record a control",
    )
    for key, places in (
        ("carrier", ("SAC-10.1",)),
        ("position", ("SAC-11.1",)),
        ("specimen_type", ("SPM-4.1", "OBR-15.1")),
    ):
        for path in places:
            if column(scopes, path).filled:
                found.likely(f"specimen.{key}", path, "the standard's place")
                break
    persons = [segment for message in messages for segment in message.segments("PID")]
    found.likely(
        "specimen.patient_ids", ({"path": "PID-3.1"},), "the standard's place (HL7 2.5.1 3.4.2.3)"
    )
    for key, path in (("patient_name", "PID-5"), ("birth_date", "PID-7"), ("sex", "PID-8")):
        is_filled = bool(column(persons, path).filled)
        found.add(
            f"specimen.{key}",
            path,
            Confidence.LIKELY,
            "the standard's place" + ("" if is_filled else "; empty in the recording"),
        )


# -- result ----------------------------------------------------------------------------------------


def _guess_result(scopes: Sequence[Scope], found: Findings) -> None:
    if not scopes:
        why = "no result in the recording; the standard's place (HL7 2.5.1 7.4.2)"
        for key, path in (
            ("test_code", "OBX-3.1"),
            ("value", "OBX-5"),
            ("unit", "OBX-6.1"),
            ("flags", "OBX-8"),
        ):
            found.guess(f"result.{key}", path, why)
        found.guess("result.status", "OBX-11", why)
        return
    code, other = column(scopes, "OBX-3.1"), column(scopes, "OBX-3.4")
    if code.share >= _NEARLY_ALL:
        found.certain("result.test_code", "OBX-3.1", "the standard's place (HL7 2.5.1 7.4.2.3)")
        name = "OBX-3.2"
    else:
        both = ("OBX-3.1", "OBX-3.4")
        found.likely(
            "result.test_code",
            both if code.filled else "OBX-3.4",
            f"{other.said} observations, OBX-3.1 is not",
        )
        name = "OBX-3.5"
    if column(scopes, name).filled:
        found.likely("result.test_name", name, "the standard's place")
    plain = column(scopes, "OBX-5").part_that(lambda text: is_number(text) or is_outcome(text))
    sure = Confidence.CERTAIN if plain == 1.0 else Confidence.LIKELY
    found.add("result.value", "OBX-5", sure, "the standard's place (HL7 2.5.1 7.4.2.5)")
    _guess_unit(scopes, found)
    _guess_codes(scopes, found)
    _list_codes(scopes, found)


def _guess_unit(scopes: Sequence[Scope], found: Findings) -> None:
    unit = column(scopes, "OBX-6.1")
    share = unit.part_that(is_unit)
    if not unit.filled:
        found.guess(
            "result.unit", "OBX-6.1", "never filled; the standard's place (HL7 2.5.1 7.4.2.6)"
        )
    else:
        sure = Confidence.CERTAIN if share > 0.7 else Confidence.LIKELY  # noqa: PLR2004 - some units are new to us
        found.add("result.unit", "OBX-6.1", sure, "the standard's place (HL7 2.5.1 7.4.2.6)")
    ranges = column(scopes, "OBX-7")
    sure = Confidence.LIKELY if ranges.filled else Confidence.GUESS
    found.add("result.reference_range", "OBX-7", sure, "the standard's place (HL7 2.5.1 7.4.2.7)")


def _guess_codes(scopes: Sequence[Scope], found: Findings) -> None:
    flags = column(scopes, "OBX-8")
    tokens = {one for text in flags.filled for one in re.split(r"[~]", text)}
    if not flags.filled:
        found.guess(
            "result.flags", "OBX-8", "never filled; the standard's place: record an abnormal result"
        )
    elif tokens <= _FLAGS:
        found.certain(
            "result.flags", "OBX-8", "the standard's place (HL7 2.5.1 7.4.2.8), and its codes"
        )
    else:
        found.guess(
            "result.flags",
            "OBX-8",
            "the standard's place, with codes of its own: what do they mean?",
        )
    status = column(scopes, "OBX-11")
    if status.share >= _NEARLY_ALL and set(status.filled) <= _STATUS:
        found.certain(
            "result.status", "OBX-11", "the standard's place (HL7 2.5.1 7.4.2.11), and its codes"
        )
    else:
        found.guess(
            "result.status",
            "OBX-11",
            "the standard's place; what is empty or unknown there is held",
        )


def _guess_time(scopes: Sequence[Scope], found: Findings) -> None:
    places = [column(scopes, path) for path in ("OBX-19", "OBX-14", "OBR-7", "OBR-22")]
    full = [one for one in places if one.filled and one.part_that(is_full_time) == 1.0]
    if not full:
        found.guess(
            "result.measured_at",
            ("OBX-19", "OBX-14", "OBR-7"),
            "no time in the recording; the standard's places",
        )
        return
    first = full[0]
    of_result = [one.path for one in full if one.path.startswith("OBX")]
    is_clear = first.path == "OBX-19" and first.share == 1.0
    value = first.path if len(of_result) < 2 else tuple(of_result)  # noqa: PLR2004
    sure = Confidence.CERTAIN if is_clear and len(of_result) == 1 else Confidence.LIKELY
    found.add("result.measured_at", value, sure, f"{first.said} observations, with times")


def _guess_rest(scopes: Sequence[Scope], found: Findings, *, is_law: bool) -> None:
    for key, path in (("operator", "OBX-16.1"), ("operator", "OBR-32.1")):
        place = column(scopes, path)
        if place.filled and f"result.{key}" not in found.guesses:
            is_usual = path.startswith("OBX") and place.part_that(has_letters) > 0
            found.add(
                f"result.{key}",
                path,
                Confidence.LIKELY if is_usual else Confidence.GUESS,
                "the standard's place",
            )
    for path in ("OBX-18[2].1", "OBX-18[1].1"):
        if column(scopes, path).filled:
            found.likely("result.module", path, "the standard's place (HL7 2.5.1 7.4.2.18)")
            break
    run = column(scopes, "OBX-4")
    if not is_law and run.filled and run.part_that(is_number) == 1.0:
        found.guess("protocol.run", "OBX-4", "a number: of the run?")
    empty = [
        one
        for one in scopes
        if not one.get("OBX-5") and not one.get("OBX-8") and one.get("OBX-11") == "F"
    ]
    if empty and len(empty) < len(scopes):
        found.guess(
            "protocol.empty_is_not_measured",
            True,
            f"{len(empty)} final observations without value and flag",
        )
    said = {one.get("OBX-3.1") for one in scopes if _is_supplement(one)}
    if said:
        pattern = "|".join(sorted(re.escape(code).replace(r"\-", "-") for code in said if code))
        found.guess(
            "protocol.supplements",
            ({"path": "OBX-3.1", "pattern": pattern},),
            "named like settings, not like tests",
        )


def _is_supplement(scope: Scope) -> bool:
    return bool(_SUPPLEMENTS.search(scope.get("OBX-3.2"))) and not scope.get("OBX-7")


def _guess_query(messages: Sequence[Message], found: Findings, *, is_law: bool) -> None:
    asked = [segment for message in messages for segment in message.segments("QPD")]
    if not asked:
        return
    places: list[Column] = [column(asked, path) for path in ("QPD-3.1.1", "QPD-4.1", "QPD-5.1")]
    best = max(
        places[: 1 if is_law else 3],
        key=lambda one: (id_score(one.texts), sum(map(len, one.texts))),
    )
    sure = Confidence.LIKELY if is_law else Confidence.GUESS
    found.add(
        "query.sample_id",
        best.path,
        sure,
        f"{best.said} queries; compare it with the tube that was asked for",
    )


def _list_codes(scopes: Sequence[Scope], found: Findings) -> None:
    code = found.guesses["result.test_code"].value
    paths = code if isinstance(code, tuple) else (code,)
    units: dict[str, Counter[str]] = {}
    for scope in scopes:
        test = next((text for path in paths if (text := scope.get(str(path)).strip())), "")
        if not _is_supplement(scope):
            units.setdefault(test, Counter())[scope.get("OBX-6.1").strip()] += 1
    found.codes = {
        test: ", ".join(one or "none" for one in seen) for test, seen in units.items() if test
    }

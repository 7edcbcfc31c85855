"""Guesses for LIS2 messages: the standard's place first, another only where the recording speaks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from middleware.draft.columns_of import Column, column
from middleware.draft.evidence import Confidence, Findings
from middleware.draft.lis2_results import guess_results
from middleware.draft.shapes import (
    has_digits,
    has_letters,
    id_score,
    is_control_name,
    is_full_time,
    is_number,
    is_version,
)
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis2 import Message, Record, parse_message

_WIDE_FIELD, _SHORT_TEXT, _SEVERAL = 12, 6, 5
_FOR_PADDING = 1.5
STRONG_ID = 1.9
"""Score of a text that is filled in every order and at least six characters long."""
_OTHER_PLACES = (
    *((f"O-3.{number}", 0.3) for number in (2, 3, 4)),
    ("O-4.1", 0.6),
    *((f"O-4.{number}", 0.3) for number in (2, 3, 4)),
)
_PATIENT_PLACES = ("P-4.1", "P-3.1", "P-5.1")
_ROLE_RULES = (
    {
        "path": "O-16",
        "pattern": r"(.*\^)? *(QC|CTRL|CONTROLS?|QUALITY CONTROL)([^A-Z].*)?",
        "role": "qc",
    },
    {
        "path": "O-16",
        "pattern": r"(.*\^)? *(CAL|CALIBRATORS?|CALIBRATION)([^A-Z].*)?",
        "role": "calibrator",
    },
    {"path": "O-16", "pattern": r"(.*\^)? *BLANK([^A-Z].*)?", "role": "blank"},
    {"path": "O-3", "pattern": r".*\^ *(QC|CTRL|CONTROL) *(\^.*)?", "role": "qc"},
)
CONTROL_NAMES = "(.*[_ -])?(QC|CTRL|CONTROL|CAL|STD|BLANK|NEG|POS|LOPOS|HIPOS)([_ -]?[0-9]+)?"


@dataclass(frozen=True)
class Records:
    """All records of a recording by type."""

    messages: tuple[Message, ...]

    def all(self, letter: str) -> list[Record]:
        """Every record of one type."""
        return [record for message in self.messages for record in message.all(letter)]

    @property
    def orders(self) -> list[Record]:
        """Orders that have results; all orders when none has."""
        orders = self.all("O")
        return [order for order in orders if order.results] or orders


def read_records(texts: Sequence[bytes]) -> Records:
    """Parse what can be parsed."""
    messages = []
    for text in texts:
        try:
            messages.append(parse_message(text, "latin-1", frozenset({"records_numbered"})))
        except RemoteProtocolError:
            continue  # what is no message is no evidence; it is counted when the draft reads the recording
    return Records(tuple(messages))


def guess_lis2(texts: Sequence[bytes]) -> Findings:
    """Everything that the records say about where things are."""
    records, found = read_records(texts), Findings()
    _guess_header(records, found)
    _guess_sample_id(records, found)
    _guess_specimen(records, found)
    guess_results(records.messages, found)
    _guess_query(records, found)
    return found


# -- header ----------------------------------------------------------------------------------------


def _guess_header(records: Records, found: Findings) -> None:
    headers = [message.header for message in records.messages]
    parts = [column(headers, f"H-5.{number}") for number in range(1, 8)]
    names = [
        one
        for one in parts
        if one.distinct == 1 and has_letters(one.filled[0]) and not is_version(one.filled[0])
    ]
    if names:
        first = names[0]
        found.likely("header.analyzer", first.path, "the sender's name (LIS02-A2 6.5)")
        found.guess(
            "identify",
            {first.path: first.filled[0]},
            "does it name the analyzer, or your laboratory? Remove it if the latter",
        )
    serials = [
        one
        for one in parts
        if one not in names[:1] and one.distinct == 1 and _is_serial(one.filled[0])
    ]
    if serials:
        found.guess("header.serial", serials[0].path, "looks like a serial number")
    if column(headers, "H-3").filled:
        found.likely("header.control_id", "H-3", "the message's own number (LIS02-A2 6.3)")
    _guess_sent_at(headers, found)


def _guess_sent_at(headers: Sequence[Record], found: Findings) -> None:
    times = {path: column(headers, path) for path in ("H-14", "H-13")}
    filled = [
        path for path, one in times.items() if one.filled and one.part_that(is_full_time) == 1.0
    ]
    if "H-14" in filled:
        found.certain("header.sent_at", "H-14", "times of sending (LIS02-A2 6.14)")
    elif filled:
        found.likely("header.sent_at", "H-13", "times of sending, one field early")
        role = ({"path": "H-11", "pattern": "[QTD]", "role": "qc"}, *_ROLE_RULES)
        found.guess(
            "specimen.role",
            role,
            "the header stands one field early, so its mark of controls does as well",
        )


def _is_serial(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return (digits >= 4 and not is_version(text)) or (text.isdigit() and digits >= 4)  # noqa: PLR2004


# -- specimen --------------------------------------------------------------------------------------


def _guess_sample_id(records: Records, found: Findings) -> None:
    orders = records.orders
    if not orders:
        found.guess(
            "specimen.sample_id",
            "O-3.1",
            "no order in the recording; the standard's place (LIS02-A2 8.3)",
        )
        found.missing.append(
            "No order record was recorded: record a result to learn where the sample id is."
        )
        return
    standard = column(orders, "O-3.1")
    score = _standing(standard, orders)
    best, best_score = standard, score + 1.2
    for path, usual in _OTHER_PLACES:
        other = column(orders, path)
        standing = _standing(other, orders)
        worth = standing + usual
        worth += _FOR_PADDING if is_padded(other) and not is_padded(standard) else 0.0
        if standing >= STRONG_ID and worth > best_score:
            best, best_score = other, worth
    if best is standard and score < 1.0:
        best = _of_the_patient(records, orders) or standard
    _say_sample_id(best, standard, orders, found)


def _standing(place: Column, orders: Sequence[Record]) -> float:
    """How much a place looks like the tube's identifier; running numbers and tests do not."""
    score = id_score(place.texts)
    numbers = [order.get("O-2").strip() for order in orders]
    if place.filled and all(
        text.lstrip("0") == number.lstrip("0")
        for text, number in zip(place.filled, numbers, strict=False)
    ):
        score -= 1.5
    if is_padded(place) and place.part_that(has_digits) > 0:
        score = max(score, STRONG_ID)
    return score


def is_padded(place: Column) -> bool:
    """Aligned in a field of fixed width, as only identifiers are."""
    widths = {len(text) for text in place.texts if text.strip()}
    return (
        len(widths) == 1
        and widths.pop() > _WIDE_FIELD
        and any(text != text.strip() for text in place.texts)
    )


def _of_the_patient(records: Records, orders: Sequence[Record]) -> Column | None:
    """Where orders carry no identifier at all and several patients have one each, it is the tube's."""
    if any(column(orders, path).filled for path in ("O-3", "O-4")):
        return None
    patients = [one for one in records.all("P") if one.orders]
    for path in _PATIENT_PLACES:
        place = column(patients, path)
        if len(patients) > 1 and place.share == 1.0 and place.distinct == len(patients):
            return place
    return None


def _say_sample_id(
    best: Column, standard: Column, orders: Sequence[Record], found: Findings
) -> None:
    others = [
        path
        for path in ("O-3.1", "O-3.2", "O-3.3", "O-4.1", "O-4.2", "O-4.3", "P-3.1", "P-4.1")
        if path != best.path and column(orders, path).filled
    ]
    also = f"; also filled: {', '.join(others)}" if others else ""
    if best is standard and not standard.filled:
        found.guess(
            "specimen.sample_id",
            best.path,
            f"empty in the recording, so every result would be held{also}",
        )
        found.missing.append(
            "The place of the sample id is not proven: scan a tube with a barcode and record its result."
        )
        return
    is_usual = best is standard and not others
    lengths = sorted({len(text) for text in best.filled})
    span = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
    why = f"filled in {len(best.filled)} of {len(best.texts)} orders, {span} characters{also}; compare it with a tube"
    is_proven_often = len(best.filled) == best.distinct == len(best.texts) >= _SEVERAL
    usable = is_usual or best.path == "O-3.1" or is_padded(best) or is_proven_often
    found.add(
        "specimen.sample_id", best.path, Confidence.LIKELY if usable else Confidence.GUESS, why
    )
    if any(is_control_name(text) and len(text) < 16 for text in best.filled):  # noqa: PLR2004
        rule = {"path": best.path, "pattern": CONTROL_NAMES, "role": "qc"}
        found.guess(
            "specimen.role",
            (*_ROLE_RULES, rule),
            "some ids look like names of controls; give the names yours have",
        )


def _guess_specimen(records: Records, found: Findings) -> None:
    orders, patients = records.orders, records.all("P")
    sample_id = found.guesses["specimen.sample_id"].value
    if "specimen.role" not in found.guesses:
        found.guess(
            "specimen.role",
            _ROLE_RULES,
            "beside the standard's marks in H-12 and O-12; look at a control's message",
        )
    own = column(orders, "O-4.1" if sample_id != "O-4.1" else "O-3.1")
    if own.filled and sample_id in ("O-3.1", "O-4.1"):
        found.guess("specimen.instrument_sample_id", own.path, "a second number of the specimen")
    elif sample_id == "O-3.2" and column(orders, "O-3.1").filled:
        found.guess(
            "specimen.instrument_sample_id", "O-3.1", "a running number before the sample id"
        )
    if column(orders, "O-16.1").filled:
        found.likely("specimen.specimen_type", "O-16.1", "the standard's place (LIS02-A2 8.4.16)")
    ids = [
        {"path": path} | ({"authority": whose} if whose else {})
        for path, whose in (("P-3.1", "practice"), ("P-4.1", "laboratory"), ("P-5.1", ""))
        if path != sample_id
    ]
    found.likely("specimen.patient_ids", tuple(ids), "the standard's places (LIS02-A2 7)")
    for key, path in (("patient_name", "P-6"), ("birth_date", "P-8"), ("sex", "P-9")):
        is_filled = bool(column(patients, path).filled)
        found.add(
            f"specimen.{key}",
            path,
            Confidence.LIKELY,
            "the standard's place (LIS02-A2 7)" + ("" if is_filled else "; empty in the recording"),
        )


# -- query -----------------------------------------------------------------------------------------


def _guess_query(records: Records, found: Findings) -> None:
    queries = records.all("Q")
    if not queries:
        return
    places = [column(queries, f"Q-3.{number}") for number in (2, 1, 3, 4)]
    best = max(places, key=lambda one: id_score(one.texts) + (0.5 if one.path == "Q-3.2" else 0.0))
    is_usual = best.path in ("Q-3.2", "Q-3.1")
    found.add(
        "query.sample_id",
        ("Q-3.2", "Q-3.1") if is_usual else best.path,
        Confidence.LIKELY if is_usual else Confidence.GUESS,
        f"{best.said} queries; compare it with the tube that was asked for",
    )
    after = int(best.path[-1])
    rest = [column(queries, f"Q-3.{number}") for number in range(after + 1, after + 5)]
    small = [one for one in rest if one.filled and one.part_that(_is_short) == 1.0]
    if len(small) > 1 and all(is_number(text) for text in small[0].filled):
        carrier, position = small[-2:]
        found.guess("query.carrier", carrier.path, "a short number")
        found.guess("query.position", position.path, "a short number")


def _is_short(text: str) -> bool:
    return len(text) < _SHORT_TEXT

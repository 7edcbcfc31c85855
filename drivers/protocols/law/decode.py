"""Reads a LAW message as HL7 is read, and adds what only LAW says: queries, runs, steps, reagents, controls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drivers.protocols.hl7.decode import MessageReader
from drivers.protocols.hl7.groups import Group, Observed, cut
from drivers.protocols.hl7.texts import read_texts
from drivers.protocols.law.options import LawSection
from drivers.protocols.law.queries import QueryFault, host_query, is_query, read_asked
from drivers.protocols.law.tables import STEP_CANCELLED, SUPPLEMENTAL_SYSTEM
from middleware.driver.api import DecodeContext
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import (
    Comment,
    Envelope,
    Fault,
    HostQuery,
    Result,
    ResultStatus,
    ResultValue,
    SampleRole,
    Unread,
    ValueKind,
)
from middleware.wire.hl7 import NULL, Message, Segment

_SUBDIVIDED_RUN = re.compile(r"([1-9][0-9]{0,3})[./].*")
_CODED_ALARM = re.compile(r"([^\s^]{1,40})\^([^^]*)\^(?:99|HL7|IHE|L$)[^^]*")
_OF_LAW = frozenset(("INV", "NTE"))
_WITHOUT_VALUE = frozenset((ResultStatus.CANNOT_OBTAIN, ResultStatus.PENDING))
_Places = Mapping[int, tuple[Group, Observed]]


class LawReader:
    """I read messages by one profile. I keep nothing from one message to the next."""

    def __init__(self, profile: Profile, section: LawSection) -> None:
        self._quirks = frozenset(profile.link.quirks)
        self._scopes = section.scopes()
        self.plain = MessageReader(profile, section)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """One message as an Envelope; DriverError when it cannot be read at all."""
        texts = read_texts(text, context, self._quirks)
        if len(texts.messages) > 1:
            raise DriverError(
                "a file with several messages is no conversation of IHE LAW",
                what_to_do="Read files with a driver of the protocol hl7.",
            )
        message = texts.messages[0]
        envelope = self.plain.read(message, context)
        updates: dict[str, Any] = {"quirks": texts.quirks} if texts.quirks else {}
        if is_query(message):
            queries, faults = self._read_queries(message)
            updates |= {"queries": queries, "faults": (*envelope.faults, *faults)}
        if any(one.comments for one in envelope.unread):
            updates["unread"] = tuple([_in_plain_words(one) for one in envelope.unread])
        if envelope.results and _says_more(message, envelope):
            places = _places(message)
            updates["results"] = tuple([_complete(one, places) for one in envelope.results])
        return envelope.model_copy(update=updates) if updates else envelope

    def _read_queries(self, message: Message) -> tuple[tuple[HostQuery, ...], tuple[Fault, ...]]:
        asked = read_asked(message, self._scopes)
        if isinstance(asked, QueryFault):
            place = asked.error.locations[0] if asked.error.locations else None
            named = f"{place.segment}-{place.field}" if place is not None else ""
            return (), (Fault(code="query_refused", text=asked.text, field=named),)
        return (host_query(asked),), ()


def _says_more(message: Message, envelope: Envelope) -> bool:
    """Whether anything in it is LAW's own; most results of most messages are read already."""
    for segment in message.segments_in_order:
        if segment.name in _OF_LAW or (segment.name == "ORC" and _is_cancelled(segment)):
            return True
    return any(one.test_detail for one in envelope.results)


def _is_cancelled(orc: Segment) -> bool:
    return orc.get("ORC-5").strip() == STEP_CANCELLED


def _places(message: Message) -> _Places:
    """Where each OBX stands, by its number."""
    return {
        observed.obx.index: (group, observed)
        for group in cut(message).groups
        for observed in group.observed
    }


def _complete(result: Result, places: _Places) -> Result:
    group, observed = places[result.source.record]
    updates = _test_and_run(result, observed.obx)
    orc = group.scope.get("ORC")
    if orc is not None and _is_cancelled(orc):
        updates |= _of_cancelled(result)
    # Reagents are those of the result alone: INV behind the container is the control that was measured.
    lots = [one.get("INV-16").strip() for one in observed.below if one.name == "INV"]
    updates["reagent_lot"] = ", ".join(dict.fromkeys(lot for lot in lots if lot))
    comments = tuple([_in_words(one) for one in result.comments])
    if result.specimen.role is not SampleRole.PATIENT:
        comments = (*_material(group), *comments)
    flags = dict.fromkeys(_coded(one)[0] for one in result.instrument_flags)
    return result.model_copy(
        update={**updates, "comments": comments, "instrument_flags": tuple(flags)}
    )


def _in_plain_words(unread: Unread) -> Unread:
    return unread.model_copy(
        update={"comments": tuple([_in_words(one) for one in unread.comments])}
    )


def _in_words(comment: Comment) -> Comment:
    words = _coded(comment.text)[1]
    return comment if words == comment.text else comment.model_copy(update={"text": words})


def _coded(text: str) -> tuple[str, str]:
    """Code and words of a coded alarm (`CLOT^Clot detected^99DEMO`, NTE-3); of any other text that text itself."""
    found = _CODED_ALARM.fullmatch(text)
    return (found.group(1), found.group(2) or found.group(1)) if found is not None else (text, text)


def _test_and_run(result: Result, obx: Segment) -> dict[str, Any]:
    """The kind of observation beside the test's main one (OBX-3.4, where LAW's own system says so), and the run.

    A subdivided run (`2.1`) is its run: were it a kind of its own, a repeated measurement would look like a first one.
    """
    if not result.test_detail:
        return {}
    parts = result.test_detail.split("/")
    alternative, run_text = obx.get("OBX-3.4").strip(), obx.get("OBX-4").strip()
    updates: dict[str, Any] = {}
    if alternative and obx.get("OBX-3.6").strip() != SUPPLEMENTAL_SYSTEM and alternative in parts:
        parts.remove(alternative)  # the same test in another coding system
    found = _SUBDIVIDED_RUN.fullmatch(run_text)
    if found is not None:
        updates["run"] = int(found.group(1))
        parts = result.test_detail.replace(run_text, "").strip("/").split("/")
    return updates | {"test_detail": "/".join(part for part in parts if part)}


def _of_cancelled(result: Result) -> dict[str, Any]:
    """ORC-5 says that the test was not done: without a value nothing was obtained, one beside it is in question."""
    if result.status in _WITHOUT_VALUE:
        return {}
    if result.value.raw.strip() not in ("", NULL):
        return {"status": ResultStatus.QUESTIONABLE}
    nothing = ResultValue(kind=ValueKind.ABSENT, raw=result.value.raw)
    return {"status": ResultStatus.CANNOT_OBTAIN, "value": nothing}


def _material(group: Group) -> tuple[Comment, ...]:
    """Which control or calibrator was measured: name, lot and expiry (INV-1, 16, 12) of what is in the container."""
    said = []
    for name, inv in group.scope.items():
        if not name.startswith("INV"):
            continue
        lot, expiry = inv.get("INV-16").strip(), inv.get("INV-12").strip()
        parts = [
            inv.get("INV-1.2").strip() or inv.get("INV-1.1").strip(),
            f"lot {lot}" if lot else "",
            f"expires {expiry}" if expiry else "",
        ]
        text = ", ".join(part for part in parts if part)
        if text:
            said.append(Comment(text=text, source="INV", kind="material"))
    return tuple(said)

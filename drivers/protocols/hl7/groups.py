"""Cuts a message into groups: each order with its own specimen, and its observations with what stands under them.

Theory. No structure is enforced; the order of segments decides (HL7 2.5.1 chapters 7 and 13). A specimen (SPM, SAC)
that comes before the first order of its patient serves the orders after it, up to the next specimen. One that comes
after an order serves that order alone. So nothing is ever taken from the group before: an order that has no specimen of
its own has only itself. OUL^R21 gives each container to one order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from drivers.protocols.hl7.paths import key_of
from middleware.errors import DriverError
from middleware.wire.hl7 import Message, Segment

_SPECIMENS = frozenset({"SPM", "SAC"})
_MOST_OF_A_KIND = 16
_MOST_NOTES = 200  # on one patient, specimen or order: they stand beside every result below
# Around the messages of a file; they say nothing of anybody.
_BATCH = frozenset({"FHS", "BHS", "BTS", "FTS"})


@dataclass(slots=True)
class Observed:
    """One observation, and the segments that follow it: comments, test details, substances."""

    obx: Segment
    below: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """One order, or one specimen without an order. `first` is its first segment.

    `scope` holds the segments that all its observations share, `person` those of the patient, `notes` the comments on
    patient, specimen and order.
    """

    first: Segment
    scope: dict[str, Segment]
    person: dict[str, Segment]
    notes: list[Segment]
    has_order: bool = False
    observed: list[Observed] = field(default_factory=list)


@dataclass(slots=True)
class Cut:
    """A whole message. `before` is what stands under the header and belongs to no patient and no specimen."""

    groups: list[Group]
    before: list[Segment]


def cut(message: Message) -> Cut:
    """The groups of a message, in order."""
    segments = [one for one in message.segments_in_order[1:] if one.name not in _BATCH]
    result = Cut([], [])
    for span in _patients(segments):
        cutter = _Cutter(message.header, span)
        cutter.walk(result)
    return result


def _patients(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """The segments of each patient; what comes before the first PID counts as one."""
    span: list[Segment] = []
    for segment in segments:
        if segment.name == "PID" and span:
            yield span
            span = []
        span.append(segment)
    if span:
        yield span


class _Cutter:
    """I walk the segments of one patient."""

    def __init__(self, header: Segment, span: Sequence[Segment]) -> None:
        names = [one.name for one in span]
        self._span = span
        self._names = names
        first_order = names.index("OBR") if "OBR" in names else len(names)
        self._specimen_leads = any(name in _SPECIMENS for name in names[:first_order])
        self._serves_one = header.get("MSH-9.2") == "R21"
        self._orc_follows = self._does_orc_follow(header)
        self._person: dict[str, Segment] = {"MSH": header}
        self._person_notes: list[Segment] = []
        self._specimen: dict[str, Segment] = {}
        self._specimen_notes: list[Segment] = []
        self._orc: Segment | None = None
        self._group: Group | None = None
        self._last: Observed | None = None
        self._groups: list[Group] = []
        self._before: list[Segment] = []

    def _does_orc_follow(self, header: Segment) -> bool:
        """Whether ORC stands behind its OBR, as in OUL messages, and not before it."""
        names = self._names
        at = names.index("ORC") if "ORC" in names else 0
        return at > 0 and names[at - 1] == "OBR" and header.get("MSH-9.1") == "OUL"

    def walk(self, result: Cut) -> None:
        """Add my groups, and what belongs to none, to `result`."""
        for at, segment in enumerate(self._span):
            name = segment.name
            if name == "OBX":
                self._observe(segment)
            elif name == "OBR":
                self._begin_order(segment)
            elif name in _SPECIMENS:
                self._take_specimen(segment)
            elif name == "ORC":
                self._take_orc(segment, at)
            elif self._last is not None:
                self._last.below.append(segment)
            else:
                self._take_other(segment)
        result.groups += self._groups
        result.before += self._before

    def _observe(self, segment: Segment) -> None:
        if self._group is None:
            self._begin(segment)
        if self._group is not None:
            self._last = Observed(segment)
            self._group.observed.append(self._last)

    def _begin(self, segment: Segment) -> Group:
        scope = {**self._person, **self._specimen}
        notes = self._person_notes + self._specimen_notes
        self._group = Group(segment, scope, self._person, notes)
        self._groups.append(self._group)
        self._last = None
        return self._group

    def _begin_order(self, segment: Segment) -> None:
        alone = self._group
        if alone is not None and not alone.has_order and not alone.observed:
            self._groups.pop()  # the specimen has an order: it is no group of its own
        group = self._begin(segment)
        group.has_order = True
        group.scope["OBR"] = segment
        if self._orc is not None:
            group.scope["ORC"] = self._orc
            self._orc = None
        if self._serves_one or not self._specimen_leads:
            self._specimen, self._specimen_notes = {}, []

    def _take_orc(self, segment: Segment, at: int) -> None:
        is_next = at + 1 < len(self._names) and self._names[at + 1] == "OBR"
        group = self._group
        follows = self._orc_follows or not is_next
        if group is not None and group.has_order and follows and not group.observed:
            group.scope.setdefault("ORC", segment)
            return
        self._orc = segment
        self._last = None
        if group is not None and group.has_order:
            self._group = None  # what follows is of the next order

    def _take_specimen(self, segment: Segment) -> None:
        self._last = None
        group = self._group
        if not self._specimen_leads and group is not None and group.has_order:
            _add(group.scope, segment)
            return
        is_new = segment.name == "SPM" or group is None or group.has_order or bool(group.observed)
        if is_new:
            kept = self._specimen if segment.name == "SAC" and not self._serves_one else {}
            self._specimen = {"SPM": kept["SPM"]} if "SPM" in kept else {}
            self._specimen_notes = self._specimen_notes if self._specimen else []
            _add(self._specimen, segment)
            self._begin(segment)
        elif group is not None:
            _add(self._specimen, segment)
            _add(group.scope, segment)

    def _take_other(self, segment: Segment) -> None:
        group, is_note = self._group, segment.name == "NTE"
        if group is None:
            if not is_note:
                self._person.setdefault(segment.name, segment)
            elif "PID" in self._person:
                _note(self._person_notes, segment)
            if "PID" not in self._person:
                self._before.append(segment)
            return
        if is_note:
            _note(group.notes, segment)
            if not group.has_order:
                _note(self._specimen_notes, segment)
            return
        _add(group.scope, segment)
        if not group.has_order:
            _add(self._specimen, segment)


def _note(notes: list[Segment], segment: Segment) -> None:
    notes.append(segment)
    if len(notes) > _MOST_NOTES:
        raise DriverError(
            f"more than {_MOST_NOTES} comments stand on one patient, specimen or order",
            what_to_do="Look at the raw message; report the analyzer's behaviour.",
            record=segment.index,
            field="NTE",
        )


def _add(scope: dict[str, Segment], segment: Segment) -> None:
    """Under its name, or with a number when there is one already; a profile looks at the first few only."""
    for occurrence in range(1, _MOST_OF_A_KIND + 1):
        if scope.setdefault(key_of(segment.name, occurrence), segment) is segment:
            return

"""Puts the segments of one message into the groups of OUL^R22, by their order alone (IHE PaLM TF-2b 3.29.4.1).

Rules. A specimen group begins with SPM, with SAC where no SPM stands before it, and with any of them after an order.
What follows OBX up to the next OBX, OBR, SPM or SAC belongs to that OBX. Nothing is carried over from one group into
the next; only PID reaches over all groups below it. ORC belongs to the OBR before it, unless the message's first ORC
stands before its first OBR: then to the OBR behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from middleware.wire.hl7 import Message, Segment


@dataclass(slots=True)
class Observed:
    """One OBX and what is said of it."""

    obx: Segment
    tcd: Segment | None = None
    invs: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class Ordered:
    """One OBR and what was measured for it. `obr` is None for observations that no OBR introduces."""

    obr: Segment | None
    orc: Segment | None = None
    tcd: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)


@dataclass(slots=True)
class Contained:
    """One specimen. `about` are observations of the specimen itself; `pid` is that of all groups below it."""

    pid: Segment | None = None
    spm: Segment | None = None
    sacs: list[Segment] = field(default_factory=list)
    invs: list[Segment] = field(default_factory=list)
    about: list[Segment] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)

    @property
    def segments(self) -> dict[str, Segment]:
        """Those that say whose and what it is, by name."""
        found = {"PID": self.pid, "SPM": self.spm, "SAC": self.sacs[0] if self.sacs else None}
        return {name: one for name, one in found.items() if one is not None}


class _Grouping:
    """I hold where the reading stands; one for each message."""

    def __init__(self, message: Message) -> None:
        self.groups: list[Contained] = []
        self._pid: Segment | None = None
        self._group: Contained | None = None
        self._order: Ordered | None = None
        self._last: Observed | None = None
        names = [one.name for one in message.segments_in_order]
        self._orc_leads = "ORC" in names and names.index("ORC") < (
            names.index("OBR") if "OBR" in names else len(names)
        )
        self._waiting_orc: Segment | None = None

    def take(self, segment: Segment) -> None:
        """The next segment; a name that has no part in a group is left out."""
        name = segment.name
        if name == "OBX":
            self._take_obx(segment)
        elif name == "OBR":
            self._take_obr(segment)
        elif name == "SPM" or (name == "SAC" and (self._group is None or self._group.orders)):
            self._begin(segment)
        elif name == "PID":
            self._pid, self._group, self._order, self._last = segment, None, None, None
        else:
            self._take_part(segment)

    def _begin(self, segment: Segment | None) -> Contained:
        group = self._group = Contained(self._pid)
        self._order = self._last = self._waiting_orc = None
        self.groups.append(group)
        if segment is not None and segment.name == "SPM":
            group.spm = segment
        elif segment is not None:
            group.sacs.append(segment)
        return group

    def _take_obr(self, segment: Segment) -> None:
        group = self._group or self._begin(None)
        self._order = Ordered(segment, self._waiting_orc)
        self._waiting_orc = self._last = None
        group.orders.append(self._order)

    def _take_obx(self, segment: Segment) -> None:
        group = self._group or self._begin(None)
        if self._order is None and group.spm is not None:
            group.about.append(segment)  # an observation of the specimen, before any order
            return
        if self._order is None:
            self._order = Ordered(None)
            group.orders.append(self._order)
        self._last = Observed(segment)
        self._order.observed.append(self._last)

    def _take_part(self, segment: Segment) -> None:
        """A segment that says more of what stands before it; without that it says nothing."""
        group, order, last = self._group, self._order, self._last
        if segment.name == "SAC" and group is not None:
            group.sacs.append(segment)
        elif segment.name == "ORC":
            self._take_orc(segment)
        elif segment.name == "INV" and last is not None:
            last.invs.append(segment)
        elif segment.name == "INV" and group is not None and order is None:
            group.invs.append(segment)
        elif segment.name in ("NTE", "TCD"):
            _note(last or order, segment)

    def _take_orc(self, segment: Segment) -> None:
        if self._orc_leads:
            self._waiting_orc = segment
        elif self._order is not None:
            self._order.orc = segment


def _note(owner: Observed | Ordered | None, segment: Segment) -> None:
    if owner is None:
        return
    if segment.name == "NTE":
        owner.notes.append(segment)
    else:
        owner.tcd = segment


def group_segments(message: Message) -> list[Contained]:
    """The specimen groups of a message, in order."""
    grouping = _Grouping(message)
    for segment in message.segments_in_order:
        grouping.take(segment)
    return grouping.groups

"""How much of a recording a draft reads as the driver of the house does, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from middleware.draft import Draft
from middleware.model import Envelope, HostQuery, Result, ValueKind

# A field of a result, and the key of the draft that decides it.
FIELDS = {
    "sample id": "specimen.sample_id",
    "test": "result.test_code",
    "value": "result.value",
    "unit": "result.unit",
    "flags": "result.flags",
    "status": "result.status",
    "role": "specimen.role",
    "time": "result.measured_at",
    "asked": "query.sample_id",
}


@dataclass
class Share:
    """Fields that are right and wrong; the wrong ones by name, and those that the draft called certain."""

    right: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    certain_and_wrong: set[str] = field(default_factory=set)

    @property
    def all(self) -> int:
        """Every field that either of the two reads."""
        return self.right + sum(self.wrong.values())

    @property
    def part(self) -> float:
        """0 to 1; 1 when there is nothing to read."""
        return self.right / self.all if self.all else 1.0


def share_of(draft: Draft, known: Sequence[Envelope], read: Sequence[Envelope]) -> Share:
    """Compare what the draft reads with what is known."""
    share = Share()
    for place, envelope in enumerate(known):
        other = read[place] if place < len(read) else Envelope()
        for known_one, read_one in _pairs(envelope.results, other.results):
            _count(share, draft, _texts(known_one), _texts(read_one) if read_one else {})
        for number, query in enumerate(envelope.queries):
            seen = other.queries[number] if number < len(other.queries) else None
            _count(share, draft, _asked(query), _asked(seen) if seen else {})
    return share


def _count(share: Share, draft: Draft, known: dict[str, object], read: dict[str, object]) -> None:
    for name, value in known.items():
        other = read.get(name)
        if not value and not other:
            continue
        if value == other:
            share.right += 1
            continue
        share.wrong[name] = share.wrong.get(name, 0) + 1
        guess = draft.findings.guesses.get(FIELDS[name])
        if guess is not None and guess.confidence == "certain" and read:
            share.certain_and_wrong.add(name)


def _pairs(
    known: Sequence[Result], read: Sequence[Result]
) -> Iterable[tuple[Result, Result | None]]:
    """Results of one record; of several, the one that agrees most."""
    left = list(read)
    for one in known:
        same = [other for other in left if other.source.record == one.source.record]
        best = max(same, key=lambda other: _agreement(one, other), default=None)
        if best is not None:
            left.remove(best)
        yield one, best


def _agreement(one: Result, other: Result) -> int:
    mine, theirs = _texts(one), _texts(other)
    return sum(mine[name] == theirs[name] for name in mine) + (one.value.raw == other.value.raw)


def _texts(result: Result) -> dict[str, object]:
    value = result.value
    is_text = value.kind in (ValueKind.TEXT, ValueKind.NUMBER)
    return {
        "sample id": result.specimen.sample_id,
        "test": result.test_code,
        "value": (value.kind, value.number, value.comparator, value.text if is_text else ""),
        "unit": result.unit,
        "flags": (result.abnormal_flags or None) and sorted(result.abnormal_flags),
        "status": result.status,
        "role": result.specimen.role,
        "time": result.measured.at,
    }


def _asked(query: HostQuery) -> dict[str, object]:
    return {"asked": query.sample_ids}

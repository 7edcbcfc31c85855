"""Who asks the store for work, and what for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from middleware.model.sample_id import SampleIdSteps

MOST_SPECIMENS = 100
"""Of one query for everything, or for a range: what an analyzer can hold; it asks again for the rest."""

CodeFor = Callable[[str, str], str | None]
"""(test as ordered, specimen type) -> the analyzer's code for it; None: it is not this analyzer's to do."""


@dataclass(frozen=True, slots=True)
class Claimer:
    """The line that asks.

    `order_source` empty: any, as long as the sample id names one tube among all of them. `before_arrival` False: only
    tubes that the laboratory received. `names`: how its analyzer writes sample ids; None: as they are ordered. `menu`:
    the tests as ordered that `code_for` may know; None: it may know any.
    """

    line: str
    code_for: CodeFor
    order_source: str = ""
    before_arrival: bool = True
    names: SampleIdSteps | None = None
    menu: frozenset[str] | None = None

    def ordered_id(self, sample_id: str) -> str:
        """The id that was ordered for what the analyzer writes; empty: it was misread."""
        if self.names is None:
            return sample_id
        ordered = self.names.as_ordered(sample_id)
        return "" if ordered.is_wrong else ordered.id

    def labelled_id(self, sample_id: str) -> str:
        """What the analyzer reads on a tube, for the id that was ordered."""
        return sample_id if self.names is None else self.names.as_labelled(sample_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks for: these sample ids and `ranges` (first and last id of each), everything that is open, or
    the tube at a place. With one sample id, the place says where that tube stands.
    """

    sample_ids: tuple[str, ...] = ()
    is_for_all: bool = False
    ranges: tuple[tuple[str, str], ...] = ()
    carrier: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be sent unasked: these tubes, those that the LIS put on `carrier`, or (both empty) all that is due.

    At most `most` specimens; what is due goes urgent and oldest first. Tubes that are named may be sent again, what is
    due is only what nobody has.
    """

    sample_ids: tuple[str, ...] = ()
    carrier: str = ""
    most: int = 1

"""Says when another text in the sample id's own field could be the true identifier.

Makers put running numbers, racks and positions beside the identifier, in either order (LIS02-A2 8.4.3 leaves the parts
open). A profile written from one analyzer knows which part it is; one written for any analyzer does not, and lets a
person look.
"""

from __future__ import annotations

from collections.abc import Callable

from middleware.driver.profile import SpecimenSection
from middleware.wire.lis2 import Path, Record

IDENTIFIER_MIN = 6
"""Characters. Racks, positions and isolate numbers are shorter; what is as long may be on the label of a tube."""


def doubt_reader(section: SpecimenSection) -> Callable[[Record], str]:
    """A function from an order record to the reason for doubt; '' when there is none or nobody asked."""
    if not section.doubt_other_parts:
        return _nothing
    first, *_ = (Path.parse(path) for path in section.sample_id.paths)

    def read(order: Record) -> str:
        owner = order.nearest(first.letter)
        field = owner.field(first.field) if owner is not None else ""
        delimiters = order.delimiters
        if delimiters.component not in field and delimiters.repeat not in field:
            return ""
        return _doubt(field.split(delimiters.repeat), delimiters.component, first)

    return read


def _doubt(repeats: list[str], component: str, path: Path) -> str:
    place = f"{path.letter}-{path.field}"
    if sum(1 for repeat in repeats if repeat.strip()) > 1:
        return f"{place} names more than one specimen"
    parts = [part.strip() for part in repeats[0].split(component)]
    chosen = parts[max(path.component, 1) - 1] if len(parts) >= path.component else ""
    for number, part in enumerate(parts, start=1):
        if chosen and part != chosen and len(part) >= IDENTIFIER_MIN:
            return f"{place}.{number} is {part!r}"
    return ""


def _nothing(_order: Record) -> str:
    return ""

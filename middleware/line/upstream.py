"""A tube for which the store has no work is asked for at the LIS, if its line says so; then the store is asked again.

What the LIS answers is stored before anything is claimed, so an analyzer is given nothing that is not in the store.
Only the tubes that a query names are asked for: not everything, no ranges, no places. The query waits; no other does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from middleware.delivery.connector import OrderFinder, OrderQuestion
from middleware.errors import MiddlewareError
from middleware.line.settings import LineSettings
from middleware.line.work import LineWork
from middleware.model import HostQuery, SpecimenWork
from middleware.review.context import LONGEST_SAMPLE_ID
from middleware.review.identity import is_placeholder
from middleware.store.work import Claimer


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where one line's tubes are asked for, how long that may take, and which node asks."""

    finder: OrderFinder
    within_s: float
    node: str


@dataclass(frozen=True, slots=True)
class FoundWork:
    """What a query gets, and what the LIS had to say about the tubes without work."""

    work: Sequence[SpecimenWork]
    remark: str = ""


def upstreams_of(
    lines: Mapping[str, LineSettings], connectors: Mapping[str, object], node: str
) -> dict[str, Upstream]:
    """Every line that asks. What `labwire check` found wrong is left out."""
    found: dict[str, Upstream] = {}
    for line in lines.values():
        finder = connectors.get(line.orders.ask)
        if isinstance(finder, OrderFinder) and line.orders.names_tubes:
            found[line.id] = Upstream(finder, line.orders.ask_within_s, node)
    return found


async def find_work(
    source: LineWork,
    upstream: Upstream | None,
    line: str,
    queries: Sequence[HostQuery],
    number: str,
) -> FoundWork:
    """The work of a query, the line's own from now on. `number`: see `OrderQuestion`. Fails with StoreError."""
    work = await source.claim(line, queries)
    if upstream is None:
        return FoundWork(work)
    missing = _missing(queries, work, source.claimers[line])
    if not missing:
        return FoundWork(work)
    found = await upstream.finder.find_orders(
        OrderQuestion(missing, upstream.within_s, number, source.now(), upstream.node)
    )
    remark = "; ".join(found.reasons)
    if not found.sample_ids:
        return FoundWork(work, remark)
    try:
        return FoundWork(await source.claim(line, queries), remark)
    except MiddlewareError as error:
        return FoundWork(work, str(error))  # what was found before is claimed, and is given


def _missing(
    queries: Sequence[HostQuery], work: Sequence[SpecimenWork], claimer: Claimer
) -> tuple[str, ...]:
    """The sample ids that were asked for and got nothing, as they are ordered."""
    has_work = {claimer.ordered_id(one.sample_id) for one in work}
    named = [
        claimer.ordered_id(sample_id)
        for one in queries
        if one.is_for_work and not one.is_cancel
        for sample_id in one.sample_ids
    ]
    return tuple(
        dict.fromkeys([one for one in named if one not in has_work and can_be_asked_for(one)])
    )


def can_be_asked_for(sample_id: str) -> bool:
    """It is an id that a LIS can know: not a placeholder, not damaged."""
    return (
        0 < len(sample_id) <= LONGEST_SAMPLE_ID
        and sample_id.isprintable()
        and not is_placeholder(sample_id)
    )

"""The oracle: what was acknowledged must arrive, once, in order. Standard library alone; it knows no Labwire code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.kit.plain_lis import Arrival


def broken_promises(
    acknowledged: Mapping[str, Sequence[str]], arrivals: Sequence[Arrival]
) -> list[str]:
    """Compare what each line acknowledged (line -> sample ids in order) with everything that reached the LIS.

    Returns one sentence for each broken promise; an empty list is the verdict that every promise held.
    """
    broken: list[str] = []
    control_ids: dict[str, set[str]] = {}
    payloads: dict[str, set[bytes]] = {}
    order: list[str] = []
    for arrival in arrivals:
        if arrival.sample_id not in control_ids:
            order.append(arrival.sample_id)
        control_ids.setdefault(arrival.sample_id, set()).add(arrival.control_id)
        payloads.setdefault(arrival.control_id, set()).add(arrival.payload)
    for sample_id, ids in control_ids.items():
        if len(ids) > 1:
            broken.append(
                f"{sample_id} reached the LIS under {len(ids)} control ids: {sorted(ids)}"
            )
    for control_id, variants in payloads.items():
        if len(variants) > 1:
            broken.append(f"{control_id} was sent again with other bytes")
    place = {sample_id: index for index, sample_id in enumerate(order)}
    for line, sample_ids in acknowledged.items():
        missing = [sample_id for sample_id in sample_ids if sample_id not in place]
        if missing:
            broken.append(f"{line}: {len(missing)} acknowledged but lost, first {missing[0]}")
        places = [place[sample_id] for sample_id in sample_ids if sample_id in place]
        if places != sorted(places):
            broken.append(
                f"{line}: results reached the LIS in another order than they were acknowledged in"
            )
    return broken

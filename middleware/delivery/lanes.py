"""How many lanes a connector has: what the settings say, from the first start at which nothing waits (DESIGN 6.15).

With another number a specimen could get another lane, and its new message overtake the one that waits in the old.
"""

from __future__ import annotations

from middleware.store import meta, outbox
from middleware.store.connection import Connection


def lanes_in_force(conn: Connection, connector: str, wanted: int) -> int:
    """Among how many lanes specimens are shared out now; noted in the store. Call at start."""
    key = f"lanes:{connector}"
    noted = meta.get(conn, key)
    before = int(noted) if noted is not None else _ever_used(conn, connector) or wanted
    lanes = wanted if outbox.oldest_waiting(conn, connector) is None else before
    meta.put(conn, key, str(lanes))
    return lanes


def lanes_to_serve(conn: Connection, connector: str, lanes: int) -> int:
    """Lanes 0 to below this must be delivered: a message that is resent goes to the lane that it was given once."""
    return max(lanes, _ever_used(conn, connector))


def _ever_used(conn: Connection, connector: str) -> int:
    return 1 + max(
        (row["lane"] for row in outbox.lanes(conn) if row["connector"] == connector), default=-1
    )

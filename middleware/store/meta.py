"""Facts about the store itself: its id (part of every control id), its environment, its counters."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from middleware.errors import StoreError
from middleware.store.rows import fetch
from middleware.store.schema import COUNTERS, META

STORE_ID_LENGTH = 6
_STORE_ID_ALPHABET = string.ascii_uppercase + string.digits
# MSH-10 holds 20 characters in HL7 2.5.1 (table of chapter 2.15): 6 + 1 + 10 leave room.
_NUMBER_DIGITS = 10
STORE_ID = "store_id"
_ENVIRONMENT = "environment"
_CREATED_AT = "schema_created_at"
_PROBE_KEY = "write_probe"
# More than the free pages that a commit of small rows could find.
_PROBE_TEXT = "x" * 65536

_TAKE = (
    update(COUNTERS)
    .where(COUNTERS.c.name == bindparam("counter"))
    .values(value=COUNTERS.c.value + bindparam("count"))
    .returning(COUNTERS.c.value)
)


_GET = select(META.c.value).where(META.c.key == bindparam("of_key"))
_FACTS = select(META.c.key, META.c.value).where(
    META.c.key.in_((STORE_ID, _ENVIRONMENT, _CREATED_AT))
)


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Which store this is. `created_at` in seconds since 1970 UTC."""

    store_id: str
    environment: str
    created_at: float


def control_id(store_id: str, number: int) -> str:
    """The control id (MSH-10) of an outbox number: at most 20 characters, never reused (DESIGN
    8.5).
    """
    return f"{store_id}-{number:0{_NUMBER_DIGITS}d}"


def new_store_id() -> str:
    """A random store id: 6 of A-Z and 0-9."""
    return "".join(secrets.choice(_STORE_ID_ALPHABET) for _ in range(STORE_ID_LENGTH))


def identify(conn: Connection, environment: str, now: float) -> StoreIdentity:
    """The store's identity; given at the first call. Raises StoreError when it belongs to another
    environment.
    """
    found = identity(conn)
    if found is None:
        put(conn, STORE_ID, new_store_id())
        put(conn, _ENVIRONMENT, environment)
        put(conn, _CREATED_AT, repr(now))
        return identify(conn, environment, now)
    if found.environment != environment:
        raise StoreError(
            f"this store is of a {found.environment} node; the settings say {environment}",
            what_to_do="Use another data_dir for each environment, or correct node.environment.",
        )
    return found


def identity(conn: Connection) -> StoreIdentity | None:
    """The store's identity, or None for a store that no node has used yet."""
    rows = {row.key: str(row.value) for row in conn.execute(_FACTS)}
    if STORE_ID not in rows:
        return None
    return StoreIdentity(rows[STORE_ID], rows[_ENVIRONMENT], float(rows[_CREATED_AT]))


def get(conn: Connection, key: str) -> str | None:
    """The value under `key`, or None."""
    found = fetch(conn, _GET, {"of_key": key})
    return found[0][0] if found else None


def put(conn: Connection, key: str, value: str) -> None:
    """Set the value under `key`."""
    changed = conn.execute(update(META).where(META.c.key == key).values(value=value)).rowcount
    if not changed:
        conn.execute(insert(META).values(key=key, value=value))


def take_numbers(conn: Connection, counter: str, count: int) -> int:
    """Reserve `count` numbers of a counter; answers the first. A rolled back transaction gives them
    back.
    """
    taken = fetch(conn, _TAKE, {"counter": counter, "count": count})
    if not taken:
        conn.execute(insert(COUNTERS).values(name=counter, value=count))
        return 1
    return int(taken[0][0]) - count + 1


def write_probe(conn: Connection) -> None:
    """Write something that needs new pages: the writer's way to learn that the disk has room again."""
    put(conn, _PROBE_KEY, _PROBE_TEXT)


def erase_probe(conn: Connection) -> None:
    """Remove what `write_probe` wrote."""
    conn.execute(delete(META).where(META.c.key == _PROBE_KEY))

"""What a person is told of a sample id under which nothing is ordered: its tube may have another label by now."""

from __future__ import annotations

from middleware.cli.site import Site
from middleware.errors import StoreError
from middleware.store import specimen_lookup
from middleware.store.connection import Connection

_MOST_NAMED = 5


def unknown(site: Site, sample_id: str, text: str, what_to_do: str) -> StoreError:
    """The error to raise: `text` and `what_to_do`; where another tube is meant, most probably, its id instead."""
    meant = site.read(lambda conn: _meant(conn, sample_id))
    if meant:
        what_to_do = "Compare it with the label of the tube, then ask for that sample id."
    return StoreError(f"{text}{meant}", what_to_do=what_to_do)


def _meant(conn: Connection, sample_id: str) -> str:
    now = {
        one.sample_id: None
        for one in specimen_lookup.former(conn, [sample_id])
        if one.former == sample_id
    }
    if now:
        return f"; the tube was labelled anew and is {_named(now)} now"
    alike = {
        one.sample_id: None
        for many in specimen_lookup.alike(conn, [sample_id]).values()
        for one in many
        if one.sample_id != sample_id
    }
    return f"; a tube of nearly this id is {_named(alike)}" if alike else ""


def _named(ids: dict[str, None]) -> str:
    return " or ".join(list(ids)[:_MOST_NAMED])

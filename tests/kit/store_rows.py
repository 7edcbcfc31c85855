"""Rows to put into a store: invented specimens, the smallest values that the schema asks for."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from sqlalchemy import Connection

from middleware.model import MessageKind, Outcome, OutcomeKind
from middleware.store import meta, outbox, results
from middleware.store.journal import JournalEntry, append
from middleware.store.outbox import Settlement

ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, code="AA", reply=b"MSA|AA")
REFUSED = Outcome(kind=OutcomeKind.REFUSED, code="AE", text="unknown test")
DEFERRED = Outcome(kind=OutcomeKind.DEFERRED, code="no_reply")


def entry(text: bytes = b"H|\\^&\rL|1|N\r", line: str = "chem-1") -> JournalEntry:
    """A message of one line."""
    return JournalEntry(line, "generic_astm", MessageKind.RESULT, 1000.0, text, b"\x02" + text)


def result_row(journal_id: int, record: int = 1, sample_id: str = "S-1") -> dict[str, Any]:
    """A held result."""
    told = f"{journal_id}/{record}/{sample_id}".encode()
    return {
        "journal_id": journal_id,
        "record": record,
        "line": "chem-1",
        "environment": "test",
        "sample_id": sample_id,
        "sample_role": "patient",
        "test_code": f"T{record}",
        "value_kind": "number",
        "value_raw": "5.4",
        "result_status": "final",
        "fingerprint": hashlib.blake2b(told, digest_size=16).digest(),
        "verdict": "hold",
        "release_mode": "hold_all",
        "release_state": "held",
        "setup_generation": 1,
        "received_at": 1000.0,
    }


def queue_messages(
    conn: Connection, sample_ids: list[str], connector: str = "lis", lane: int = 0
) -> list[int]:
    """Put one message for each sample at the end of a lane, each with a journal entry and one
    result.
    """
    first = outbox.allocate_numbers(conn, len(sample_ids))
    seq = outbox.allocate_lane(conn, connector, lane, len(sample_ids))
    rows, links = [], []
    for place, sample_id in enumerate(sample_ids):
        journal_id = append(conn, entry(sample_id.encode()))
        (result_id,) = results.save(conn, [result_row(journal_id, sample_id=sample_id)])
        number = first + place
        rows.append(
            {
                "number": number,
                "connector": connector,
                "lane": lane,
                "lane_seq": seq + place,
                "control_id": meta.control_id("ABC123", number),
                "format": "hl7_oru_r01",
                "payload": f"MSH|{sample_id}".encode(),
                "journal_id": journal_id,
                "line": "chem-1",
                "sample_id": sample_id,
                "created_at": 1001.0,
                "received_at": 1000.0 + place,
            }
        )
        links.append((number, result_id))
    outbox.enqueue(conn, rows, links)
    return [row["number"] for row in rows]


def settle_all(conn: Connection, rows: list[outbox.ClaimedRow], outcome: Outcome) -> None:
    """Settle claimed messages of connector `lis`, lane 0, with one outcome."""
    outbox.settle(
        conn, [Settlement(row.number, "lis", 0, row.lane_seq, outcome, 1002.0) for row in rows]
    )


def one_random_step(conn: Connection, chance: random.Random) -> None:
    """Enqueue, deliver, hold, release or resend something."""
    last = meta.take_numbers(conn, outbox.OUTBOX_COUNTER, 0)
    some = [chance.randint(1, max(1, last)) for _ in range(3)]
    step = chance.randrange(5)
    if step == 0:
        queue_messages(conn, [f"S-{chance.randrange(6)}" for _ in range(chance.randint(1, 5))])
    elif step == 1:
        rows = outbox.claim(conn, "lis", 0, chance.randint(1, 8))
        chance.shuffle(rows)
        for row in rows:
            settle_all(conn, [row], chance.choice((ACCEPTED, REFUSED, DEFERRED)))
    elif step == 2:
        outbox.hold(conn, some, "a.person", 1.0)
    elif step == 3:
        outbox.release(conn, some, "a.person", 1.0)
    else:
        outbox.resend(conn, some, "a.person", 1.0)

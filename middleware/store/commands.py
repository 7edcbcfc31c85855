"""What people asked the node to do, as rows: asked before it is tried, answered in the same
transaction as its effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from middleware.store.schema import COMMANDS


class CommandState(StrEnum):
    """Where a command stands."""

    ASKED = "asked"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked: `verb` of the pipeline's table, its arguments (JSON values), who and when
    (seconds UTC).
    """

    verb: str
    arguments: Mapping[str, Any]
    author: str
    asked_at: float


def ask(conn: Connection, command: Command) -> int:
    """Record what is asked; answers the command's id."""
    row = {
        "asked_at": command.asked_at,
        "author": command.author,
        "verb": command.verb,
        "arguments": json.dumps(command.arguments, sort_keys=True, ensure_ascii=False),
        "state": CommandState.ASKED.value,
    }
    return int(conn.execute(insert(COMMANDS).values(row).returning(COMMANDS.c.id)).scalar_one())


def answer(
    conn: Connection, command_id: int, state: CommandState, said: Mapping[str, Any], at: float
) -> None:
    """Record how it ended and what was answered. Asking again for an answered one changes nothing."""
    conn.execute(
        update(COMMANDS)
        .where(COMMANDS.c.id == command_id, COMMANDS.c.state == CommandState.ASKED.value)
        .values(
            state=state.value,
            answer=json.dumps(said, sort_keys=True, ensure_ascii=False),
            done_at=at,
        )
    )


def get(conn: Connection, command_id: int) -> dict[str, Any] | None:
    """Every column of one command, `arguments` and `answer` as values, or None."""
    row = conn.execute(select(COMMANDS).where(COMMANDS.c.id == command_id)).mappings().first()
    return _read(dict(row)) if row is not None else None


def listing(
    conn: Connection, state: CommandState | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Commands newest first."""
    query = select(COMMANDS).order_by(COMMANDS.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(COMMANDS.c.state == state.value)
    return [_read(dict(row)) for row in conn.execute(query).mappings()]


def _read(row: dict[str, Any]) -> dict[str, Any]:
    row["arguments"] = json.loads(row["arguments"])
    row["answer"] = json.loads(row["answer"]) if row["answer"] is not None else None
    return row

"""A new version of a stored result that a person makes: the row of the original with what they change. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from middleware.model import ReleaseState, VerdictKind
from middleware.pipeline.codes import translated_now
from middleware.review.repetition import fingerprint, specimen_hash
from middleware.setup import Setup

_NOT_COPIED = ("id", "duplicate_of", "decided_at", "decision_reason", "rejected_as")


def version_of(row: Mapping[str, Any], changes: Mapping[str, Any], setup: Setup) -> dict[str, Any]:
    """Held until a person releases it; under the setup in force."""
    made = {name: value for name, value in row.items() if name not in _NOT_COPIED}
    made |= {
        "edit_of": row["id"],
        "version": row["version"] + 1,
        "verdict": VerdictKind.HOLD.value,
        "release_state": ReleaseState.HELD.value,
        "verifier": None,
        "setup_generation": setup.generation,
        **changes,
    }
    made["fingerprint"] = fingerprint(specimen_hash(made), made)
    translated_now(made, setup)
    return made


def with_comment(row: Mapping[str, Any], text: str) -> str:
    """The comments of a result and one more, for the LIS too."""
    comments = [*json.loads(row["comments"] or "[]"), {"text": text, "source": "L", "kind": "RE"}]
    return json.dumps(comments, ensure_ascii=False)

"""Reports on rule sets, their approvals, and overrides: what makes rules fit to be used. Rows are only added.

Each row names the hash of the report before it, and is in the audit trail, so that a changed or missing row shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.rule_schema import RULE_REPORTS


class ReportKind(StrEnum):
    """What a row says of a rule set."""

    REPORT = "report"
    APPROVAL = "approval"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One row. `digest` is the SHA-256 of the rules' texts, `hash` that of the report (empty: an override).

    `previous` is the hash of the report before it. `signature` and `public_key` are hexadecimal (Ed25519), empty when
    nobody signed. `file` is where it was written to.
    """

    kind: ReportKind
    digest: str
    name: str
    version: str
    is_passed: bool
    author: str
    at: float
    reason: str = ""
    hash: str = ""
    previous: str = ""
    signature: str = ""
    public_key: str = ""
    file: str = ""


def add(conn: Connection, report: RuleReport) -> int:
    """Keep a row; answers its id. Audited."""
    columns: dict[str, Any] = {
        name: getattr(report, name) for name in RuleReport.__dataclass_fields__
    }
    columns["kind"] = report.kind.value
    query = insert(RULE_REPORTS).values(columns).returning(RULE_REPORTS.c.id)
    number = int(conn.execute(query).scalar_one())
    detail = {
        name: columns[name]
        for name in ("digest", "hash", "previous", "signature", "is_passed", "reason")
    }
    subject = f"rules {report.name} {report.version}".strip()
    entry = AuditEntry(report.author, f"rules.{report.kind.value}", subject, report.at, detail)
    audit.append(conn, entry)
    return number


def head(conn: Connection) -> str:
    """The hash of the newest report; empty: there is none."""
    query = (
        select(RULE_REPORTS.c.hash)
        .where(RULE_REPORTS.c.kind == ReportKind.REPORT.value)
        .order_by(RULE_REPORTS.c.id.desc())
        .limit(1)
    )
    return str(conn.scalar(query) or "")


def newest(conn: Connection, digest: str, kind: ReportKind) -> dict[str, Any] | None:
    """Every column of the newest row of this kind of a rule set, or None."""
    query = (
        select(RULE_REPORTS)
        .where(RULE_REPORTS.c.digest == digest, RULE_REPORTS.c.kind == kind.value)
        .order_by(RULE_REPORTS.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else dict(row)


def of_rules(conn: Connection, digest: str) -> list[dict[str, Any]]:
    """Every row of a rule set, the oldest first."""
    query = select(RULE_REPORTS).where(RULE_REPORTS.c.digest == digest)
    return [dict(row) for row in conn.execute(query.order_by(RULE_REPORTS.c.id)).mappings()]


def by_hash(conn: Connection, report_hash: str) -> dict[str, Any] | None:
    """Every column of the report with this hash, or None."""
    query = select(RULE_REPORTS).where(
        RULE_REPORTS.c.hash == report_hash, RULE_REPORTS.c.kind == ReportKind.REPORT.value
    )
    row = conn.execute(query.order_by(RULE_REPORTS.c.id)).mappings().first()
    return None if row is None else dict(row)

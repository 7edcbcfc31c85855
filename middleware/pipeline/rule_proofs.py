"""Rules come into force only with a passed report of exactly their texts, or by an override that is audited."""

from __future__ import annotations

from collections.abc import Mapping

from middleware.errors import SettingsError
from middleware.pipeline.arguments import Answer, Arguments, CommandJob, text_of
from middleware.pipeline.asked import CommandRefused
from middleware.setup import Setup
from middleware.store import rule_reports, setups
from middleware.store.connection import Connection
from middleware.store.rule_reports import ReportKind, RuleReport
from middleware.store.setups import AppliedSetup

LONGEST_REASON = 500


class RulesNotProved(SettingsError):
    """The rules of the settings have no passed report, and nobody has overridden that."""

    code = "rules-not-proved"


def doubt_of(conn: Connection, digest: str) -> str:
    """Why the rules of these texts may not be used yet, as `have no report`; empty: they may."""
    report = rule_reports.newest(conn, digest, ReportKind.REPORT)
    override = rule_reports.newest(conn, digest, ReportKind.OVERRIDE)
    if override is not None or (report is not None and report["is_passed"]):
        return ""
    return "have no report" if report is None else f"failed their report ({report['file']})"


def check_proved(conn: Connection, setup: Setup) -> None:
    """Raises RulesNotProved when the rules of a setup may not be used yet."""
    why = "" if setup.rules is None else doubt_of(conn, setup.rules.rule_set.digest)
    if not why:
        return
    raise RulesNotProved(
        f"the rules {_named(setup)} {why}, so nobody knows whether they do what is written",
        what_to_do="Run `labwire rules report` and read it; or take the risk, with a reason that is audited: "
        "`labwire rules override --reason`.",
    )


def take(conn: Connection, setup: Setup, author: str, reason: str, now: float) -> int:
    """Bring a setup into force; answers its generation. Raises RulesNotProved."""
    check_proved(conn, setup)
    applied = AppliedSetup(now, author, reason, setup.source_sha256, setup.source_text)
    return setups.save(conn, applied)


def overridden(conn: Connection, setup: Setup) -> str:
    """Who overrode the missing proof of the rules in force, and why; empty: they are proved, or there are none."""
    if setup.rules is None:
        return ""
    digest = setup.rules.rule_set.digest
    report = rule_reports.newest(conn, digest, ReportKind.REPORT)
    override = rule_reports.newest(conn, digest, ReportKind.OVERRIDE)
    if override is None or (report is not None and report["is_passed"]):
        return ""
    return f"{override['author']}: {override['reason']}"


def rules_report(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments: the fields of `RuleReport` that a report has. Answer `report` (number)."""
    report = RuleReport(
        kind=ReportKind.REPORT,
        is_passed=arguments.get("is_passed") is True,
        author=author,
        at=now,
        **{name: text_of(arguments, name) for name in _TEXTS},
    )
    if not report.digest or not report.hash:
        raise CommandRefused("a report has a digest and a hash", what_to_do="Run it again.")
    if report.previous != rule_reports.head(conn):
        raise CommandRefused(
            "another report was made meanwhile, and each names the one before it",
            what_to_do="Run `labwire rules report` again.",
        )
    return {"report": rule_reports.add(conn, report)}


def rules_approve(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `digest`, `reason`. Answer `approved` (the hash of the report)."""
    digest = text_of(arguments, "digest")
    report = rule_reports.newest(conn, digest, ReportKind.REPORT)
    if report is None or not report["is_passed"]:
        raise CommandRefused(
            "these rules have no passed report to approve",
            what_to_do="Run `labwire rules report`, and read it.",
        )
    said = RuleReport(
        ReportKind.APPROVAL,
        digest,
        report["name"],
        report["version"],
        is_passed=True,
        author=author,
        at=now,
        reason=_reason(arguments),
        hash=report["hash"],
        previous=report["previous"],
    )
    rule_reports.add(conn, said)
    return {"approved": report["hash"]}


def rules_override(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `digest`, `name`, `version`, `reason`. Answer `overridden` (the digest)."""
    said = RuleReport(
        ReportKind.OVERRIDE,
        text_of(arguments, "digest"),
        text_of(arguments, "name"),
        text_of(arguments, "version"),
        is_passed=False,
        author=author,
        at=now,
        reason=_reason(arguments),
    )
    rule_reports.add(conn, said)
    return {"overridden": said.digest}


_TEXTS = (
    "digest",
    "name",
    "version",
    "hash",
    "previous",
    "signature",
    "public_key",
    "file",
)


def _reason(arguments: Arguments) -> str:
    reason = text_of(arguments, "reason").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise CommandRefused(
            "this needs a reason",
            what_to_do=f"Say why with --reason, in {LONGEST_REASON} letters.",
        )
    return reason


def _named(setup: Setup) -> str:
    rules = setup.rules
    known = "" if rules is None else f"{rules.rule_set.name} {rules.rule_set.version}".strip()
    return known or "of the settings"


RULE_COMMANDS: Mapping[str, CommandJob] = {
    "rules.report": rules_report,
    "rules.approve": rules_approve,
    "rules.override": rules_override,
}

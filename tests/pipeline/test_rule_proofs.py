"""Rules come into force with a passed report of exactly their texts, or by an audited override; never else."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.rule_proofs import RulesNotProved, check_proved, overridden
from middleware.store import audit
from tests.kit.made_setups import RECEIVED_AT, made_setup
from tests.kit.site_rules import glucose, with_rules

SETUP = with_rules(made_setup(), glucose("review = { high = 8.0 }"))
DIGEST = SETUP.rules.rule_set.digest if SETUP.rules is not None else ""


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", SETUP, RECEIVED_AT)


def reported(conn, **changes: Any) -> dict[str, Any]:
    said = {"digest": DIGEST, "hash": "h1", "previous": "", "is_passed": True, "file": "r.html"}
    return ask(conn, "rules.report", **(said | changes))


def test_a_setup_without_rules_needs_no_proof(conn) -> None:
    check_proved(conn, made_setup())
    assert overridden(conn, made_setup()) == ""


def test_rules_without_a_report_are_refused_with_what_to_do(conn) -> None:
    with pytest.raises(RulesNotProved, match="have no report") as refused:
        check_proved(conn, SETUP)
    assert "labwire rules report" in refused.value.what_to_do


def test_a_passed_report_is_enough(conn) -> None:
    reported(conn)
    check_proved(conn, SETUP)


def test_a_failed_report_is_not(conn) -> None:
    """Also when an earlier one of the same texts passed: the program may have changed."""
    reported(conn)
    reported(conn, is_passed=False, hash="h2", previous="h1")
    with pytest.raises(RulesNotProved, match="failed their report"):
        check_proved(conn, SETUP)


def test_a_report_on_other_rules_proves_nothing(conn) -> None:
    reported(conn, digest="other")
    with pytest.raises(RulesNotProved):
        check_proved(conn, SETUP)


def test_an_override_lets_them_in_and_stays_known(conn) -> None:
    ask(conn, "rules.override", digest=DIGEST, name="core", version="1", reason="the proof follows")
    check_proved(conn, SETUP)
    assert overridden(conn, SETUP) == "ada: the proof follows"
    assert audit.listing(conn)[0]["action"] == "rules.override"
    reported(conn)
    assert overridden(conn, SETUP) == ""


def test_reports_are_a_chain(conn) -> None:
    """One that was made beside another is refused: each names the one before it."""
    reported(conn)
    with pytest.raises(CommandRefused, match="another report"):
        reported(conn, hash="h2")


def test_only_what_passed_is_approved(conn) -> None:
    reported(conn, is_passed=False)
    with pytest.raises(CommandRefused, match="no passed report"):
        ask(conn, "rules.approve", digest=DIGEST, reason="read")
    reported(conn, hash="h2", previous="h1")
    assert ask(conn, "rules.approve", digest=DIGEST, reason="read") == {"approved": "h2"}

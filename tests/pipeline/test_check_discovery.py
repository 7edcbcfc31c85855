"""Checks are found, whoever wrote them; a missing one never releases anything."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from middleware.model import VerdictKind
from middleware.pipeline.discovery import GROUP, discover_checks
from middleware.review.checks import CATALOGUE, run
from middleware.review.context import SampleIdRules, context_of
from tests.kit.made_setups import RECEIVED_AT, made_result

BUILT_IN = EntryPoint("built_in", "middleware.review.checks:CATALOGUE", GROUP)


def test_the_built_in_checks_are_found_and_ordered() -> None:
    """As the distribution names them."""
    assert discover_checks([BUILT_IN]) == CATALOGUE
    assert discover_checks() == CATALOGUE


def test_without_any_entry_point_identity_and_form_are_judged() -> None:
    """No rules never means release."""
    assert discover_checks([]) == CATALOGUE


def test_a_check_that_cannot_be_loaded_holds_everything() -> None:
    """Nobody knows what it would have held."""
    checks = discover_checks([BUILT_IN, EntryPoint("delta", "no_such_package:CHECK", GROUP)])
    result = made_result()
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,))
    (finding,) = run(result, context, checks)
    assert (finding.code, finding.verdict) == ("check_not_loaded", VerdictKind.HOLD)
    assert "'delta'" in finding.text


def test_the_same_check_twice_is_told_as_a_fault() -> None:
    """Two packages that bring the same name: the second is not trusted, and not ignored."""
    twin = EntryPoint("twin", "middleware.review.checks:CATALOGUE", GROUP)
    assert next(check.name for check in discover_checks([BUILT_IN, twin])) == "not_loaded:twin"

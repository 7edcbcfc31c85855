"""The report: the rules in plain language, the proof, a hash over all of it, and HTML that is safe to open."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from middleware.rules.check import check
from middleware.rules.proof import CaseRow, prove
from middleware.rules.report import About, Report, as_json, hash_of, report_of
from middleware.rules.report_html import html_of
from tests.kit.rule_facts import POTASSIUM, SEROLOGY
from tests.kit.rule_laboratory import rules_of

ABOUT = About("Invented <b>site</b>", "2026-11-22 10:00 UTC", "Labwire 0.1.0", ("Dr. A. Example",))
TEXT = (
    POTASSIUM
    + '[rules]\nname = "set"\nversion = "3"\n[[rule]]\nid = "k<1>"\ntest = "K"\nreview = { low = 3.0, high = 5.8 }\n'
)


def report(text: str = TEXT, about: About = ABOUT, own: tuple[CaseRow, ...] = ()) -> Report:
    rule_set = rules_of(text)
    return report_of(rule_set, prove(rule_set), own, check(rule_set), about)


def test_the_rules_stand_there_in_plain_language() -> None:
    """The director who approves them reads no TOML."""
    every = (
        POTASSIUM
        + SEROLOGY
        + '[[rule]]\ntest = "K"\nage = { from = "28 d", below = "18 a" }\nsex = "male"\n'
        'measuring = { low = 1.5, high = 10, above = "rerun", dilution = 5 }\n'
        "absurd = { high = 20 }\ncritical = { low = 2.5, high = 6.2 }\n"
        'delta = [{ method = "rcv", cv_a = 2.0, cv_i = 5.0, within = "90 min" }]\noff = ["qc"]\n'
        '[[rule]]\ntest = "HBSAG"\nfirst_positive = { words = ["POS"] }\n'
        '[[consistency]]\nid = "r"\nkind = "part"\ntests = ["K", "HBSAG"]\n'
    )
    rule_set = rules_of(every)
    told = report_of(rule_set, prove(rule_set, tests=[]), (), (), ABOUT).rules
    words = "\n".join(sentence for one in told for sentence in one.sentences)
    for expected in (
        "K (28 d to below 18 a, male): outside 2.5 to 6.2 mmol/L is critical: held, and called",
        "above it a result is measured again, at most 1 times, diluted 1:5",
        "outside up to 20 mmol/L is impossible, and blocked",
        "within 90 min by more than the RCV of CVa 2.0 %, CVi 5.0 %, z 1.96 is held",
        "qc does not count",
        "HBSAG: the first positive result of a patient (POS) is held",
        "r: K - HBSAG outside from 0 is held",
    ):
        assert expected in words


def test_a_report_passes_only_with_everything_good() -> None:
    """A failed case of the laboratory, or an error in the rules, spoils it."""
    assert report().is_passed
    assert not report(own=(CaseRow("own", "release", "hold", is_good=False),)).is_passed
    shadowed = TEXT + '[[rule]]\nid = "j"\ntest = "K"\nreview = { low = 3.0, high = 5.0 }\n'
    assert not report(shadowed).is_passed
    with pytest.raises(ValueError, match="other rules"):
        report_of(rules_of(TEXT), prove(rules_of(shadowed), tests=[]), (), (), ABOUT)


def test_the_hash_changes_with_anything_and_links_to_the_report_before() -> None:
    """What is signed is all that is shown."""
    first = report()
    assert hash_of(first) == hash_of(report())
    linked = report(about=replace(ABOUT, previous=hash_of(first)))
    others = [
        linked,
        report(about=replace(ABOUT, approvals=())),
        report(TEXT.replace("5.8", "5.9")),
        report(own=(CaseRow("own", "hold", "hold", is_good=True),)),
    ]
    assert len({hash_of(one) for one in (first, *others)}) == 5
    assert json.loads(as_json(linked))["about"]["previous"] == hash_of(first)


def test_the_html_holds_nothing_that_runs_or_is_loaded() -> None:
    """A report is opened from a mail; what a rule is called must not become markup."""
    text = html_of(report(own=(CaseRow("<script>alert(1)</script>", "hold", "x", is_good=False),)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "k&lt;1&gt;" in text
    assert "Invented &lt;b&gt;" in text
    assert "NOT passed" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src &#x27;none&#x27;" in text


def test_the_html_tells_the_figures() -> None:
    """Digest, coverage and mutants stand in the document."""
    one = report()
    text = html_of(one)
    for expected in (
        one.digest,
        hash_of(one),
        "Dr. A. Example",
        f"100.0 % of {one.mutants}",
        "passed",
    ):
        assert expected in text


def test_all_cases_are_told_when_they_were_kept() -> None:
    """An inspector may want every one."""
    rule_set = rules_of(TEXT)
    proof = prove(rule_set, keep_rows=True)
    told = html_of(report_of(rule_set, proof, (), (), ABOUT))
    assert told.count("<td>good</td>") == proof.case_count == len(proof.rows)

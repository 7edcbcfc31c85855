"""A made-up laboratory of many rules, for the proof of rules and its speed. Every number is invented."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.rules.read import RuleText, read
from middleware.rules.rule_set import RuleSet
from middleware.settings.locate import Locator

_KINDS = 8


def rule_text(text: str, name: str = "rules.toml") -> RuleText:
    """A text with its places."""
    return RuleText(name, text, lambda told: Locator(told).line_of)


def rules_of(text: str) -> RuleSet:
    """A rule set that must be understood."""
    rule_set, problems = read(rule_text(text), lambda _from, _name: None)
    assert problems == []
    return rule_set


def laboratory(rules: int = 833) -> str:
    """The TOML of a laboratory with so many rules: tests of seven kinds of scope, and every criterion."""
    return "\n".join(_parts(rules))


def _parts(rules: int) -> Iterator[str]:
    yield '[rules]\nname = "made-up laboratory"\nversion = "1"\n'
    for test in range(-(-rules // _KINDS)):
        yield _declared(test)
    for number in range(rules):
        test, kind = divmod(number, _KINDS)
        yield _rule(test, kind)


def _declared(test: int) -> str:
    decimals = test % 3
    return (
        f'[test.T{test}]\nunit = "mmol/L"\ndecimals = {decimals}\nspecimens = ["serum", "plasma"]\n'
    )


def _rule(test: int, kind: int) -> str:
    low, high = 20 + test % 7, 60 + test % 11
    head = f'[[rule]]\nid = "t{test}-{kind}"\ntest = "T{test}"\n'
    limits = f"review = {{ low = {low + kind}, high = {high - kind} }}\n"
    if kind == 0:
        return head + limits + _general(low, high, test)
    scopes = (
        'age = { below = "28 d" }',
        'age = { from = "28 d", below = "18 a" }',
        'age = { from = "65 a" }',
        'sex = "female"',
        'lines = ["chem-1", "chem-2"]',
        'locations = ["ICU", "NICU"]',
        'specimens = ["plasma"]',
    )
    critical = f"critical = {{ low = {low - kind}, high = {high + kind} }}\n"
    return f"{head}{scopes[kind - 1]}\n{limits}{critical}"


def _general(low: int, high: int, test: int) -> str:
    return (
        f"absurd = {{ low = 1, high = {high + 60} }}\n"
        f"critical = {{ low = {low - 8}, high = {high + 8} }}\n"
        f'measuring = {{ low = 5, high = {high + 30}, above = "rerun", dilution = 5 }}\n'
        f'delta = [{{ method = "percent", limit = {20 + test % 5}, within = "3 d" }},'
        ' { method = "rcv", cv_a = 2.0, cv_i = 5.5, within = "90 d" }]\n'
        f"indices = {{ haemolysis = {{ above = {50 + test} }}, lipaemia = {{ above = 300 }} }}\n"
        'flags = { ignore = ["N"], rerun = ["CLOT"], block = ["ERR"] }\n'
        'qc = { warning = "ignore" }\ncalibration = {}\nreagent = {}\nmoving_average = {}\n'
        "sent_again = { tolerance = 1 }\n"
    )

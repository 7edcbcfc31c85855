"""The proof of a rule set: every generated case judged, coverage counted, and mutants that the cases must notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from middleware.rules.book import Candidate, RuleBook, Slot, candidates_of, compiled
from middleware.rules.cases import Case, CasesOfTest, Subject, cases_of
from middleware.rules.criteria import Criterion
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.facts import Facts
from middleware.rules.findings import Check
from middleware.rules.mutants import Mutant, expected, found_marks, is_noticed, mutants_of
from middleware.rules.mutants_beside import panel_mutants, relation_mutants
from middleware.rules.oracle import Mark
from middleware.rules.rule_set import RuleSet
from middleware.rules.variants import Kind

Judge = Callable[[Facts], Judgement]
NOTICED_LEAST = 0.95
"""So many of the mutants must be noticed (issue of the rules, 3)."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as a report tells it."""

    name: str
    expected: str
    got: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """Coverage of one criterion of one rule for one test. `missing` names what no case could try."""

    subject: Subject
    cases: int
    failed: int
    kinds: Mapping[Kind, int]
    missing: tuple[str, ...]


@dataclass(slots=True)
class Proof:
    """What came out. `survivors` are mutants that no case noticed, by name."""

    digest: str
    case_count: int = 0
    failures: list[CaseRow] = field(default_factory=list)
    rows: list[CaseRow] = field(default_factory=list)
    subjects: list[SubjectRow] = field(default_factory=list)
    unreached: list[Subject] = field(default_factory=list)
    pairs_possible: int = 0
    pairs_seen: int = 0
    mutant_count: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def noticed(self) -> float:
        """The share of mutants that a case noticed; 1 where there are none."""
        return 1 - len(self.survivors) / self.mutant_count if self.mutant_count else 1.0

    @property
    def covered(self) -> float:
        """The share of subjects of which nothing is missing."""
        whole = sum(1 for row in self.subjects if not row.missing) if self.subjects else 0
        count = len(self.subjects) + len(self.unreached)
        return whole / count if count else 1.0

    @property
    def is_passed(self) -> bool:
        """Every case as written, every subject reached, and enough mutants noticed."""
        return not self.failures and not self.unreached and self.noticed >= NOTICED_LEAST


def prove(
    rule_set: RuleSet,
    judge: Judge | None = None,
    tests: Iterable[str] | None = None,
    keep_rows: bool = False,
) -> Proof:
    """Generate, judge, count and mutate. `judge` is the way through the real pipeline; by default the evaluator alone.

    `tests` limits it to some, so that work can be divided; `keep_rows` keeps every case for the report.
    """
    book = compiled(rule_set)
    asked = judge if judge is not None else lambda facts: evaluate(book, facts)
    proof = Proof(rule_set.digest)
    for test in rule_set.tests if tests is None else tests:
        cases = cases_of(rule_set, test)
        failed = _judged(cases, asked, proof, keep_rows)
        _count(cases, proof, failed)
        _mutate(rule_set, cases, proof)
    return proof


def merged(proofs: Iterable[Proof]) -> Proof:
    """The whole of proofs over different tests of one rule set."""
    whole: Proof | None = None
    for proof in proofs:
        if whole is None:
            whole = proof
            continue
        if proof.digest != whole.digest:
            raise ValueError("proofs of different rule sets cannot be joined")
        for name in ("failures", "rows", "subjects", "unreached", "survivors"):
            getattr(whole, name).extend(getattr(proof, name))
        for name in ("case_count", "pairs_possible", "pairs_seen", "mutant_count"):
            setattr(whole, name, getattr(whole, name) + getattr(proof, name))
    if whole is None:
        raise ValueError("there is no proof to join")
    return whole


def row_of(case: Case, judgement: Judgement) -> CaseRow:
    """Case and outcome side by side."""
    got = _marks(judgement)
    is_good = judgement.fate is case.expected.fate and got == case.expected.marks
    return CaseRow(
        case.name,
        _outcome(case.expected.fate.value, case.expected.marks),
        _outcome(judgement.fate.value, got),
        is_good,
    )


def _outcome(fate: str, marks: Iterable[Mark]) -> str:
    found = sorted(
        f"{mark.criterion.value}/{mark.code} {mark.rule} {mark.errand}".rstrip() for mark in marks
    )
    return f"{fate}: {', '.join(found)}" if found else fate


def _judged(cases: CasesOfTest, judge: Judge, proof: Proof, keep_rows: bool) -> Counter[Subject]:
    failed: Counter[Subject] = Counter()
    for case in cases.all():
        judgement = judge(case.facts)
        proof.case_count += 1
        if not keep_rows and _is_good(case, judgement):
            continue
        row = row_of(case, judgement)
        if keep_rows:
            proof.rows.append(row)
        if not row.is_good:
            proof.failures.append(row)
            failed[case.subject] += 1
    return failed


def _is_good(case: Case, judgement: Judgement) -> bool:
    if judgement.fate is not case.expected.fate:
        return False
    return _marks(judgement) == case.expected.marks


def _marks(judgement: Judgement) -> frozenset[Mark]:
    return frozenset(
        Mark(one.criterion, one.code, one.rule, one.fate, one.errand) for one in judgement.findings
    )


def _count(cases: CasesOfTest, proof: Proof, failed: Counter[Subject]) -> None:
    proof.unreached += cases.unreached
    for subject, ones in cases.by_subject.items():
        kinds = Counter(case.kind for case in ones)
        missing = tuple(_missing(subject, ones))
        proof.subjects.append(SubjectRow(subject, len(ones), failed[subject], kinds, missing))
    seen = {
        frozenset((mark.criterion, other.criterion))
        for case in cases.all()
        for mark in case.expected.marks
        for other in case.expected.marks
        if mark.criterion is not other.criterion
    }
    proof.pairs_possible += len(cases.possible_pairs)
    proof.pairs_seen += len(cases.possible_pairs & seen)


def _missing(subject: Subject, cases: list[Case]) -> Iterator[str]:
    is_loud = [bool(case.expected.of(subject.criterion)) for case in cases]
    if not any(is_loud) and not _is_off(cases):
        yield "no case in which it finds something"
    if all(is_loud):
        yield "no case in which it finds nothing"


def _is_off(cases: list[Case]) -> bool:
    """Of a rule that puts a criterion off, silence is what is tried."""
    return any(case.kind in (Kind.OUTSIDE, Kind.STATE) for case in cases)


def _mutate(rule_set: RuleSet, cases: CasesOfTest, proof: Proof) -> None:
    test = cases.test
    declared = rule_set.tests[test].what
    rules = {rule.number: rule for rule in rule_set.of_test.get(test, ())}
    for criterion, ones in candidates_of(rules.values(), test, declared).items():
        slot = Slot(criterion, test, ones)
        for candidate in ones:
            mutants = mutants_of(candidate, rules[candidate.number], criterion, declared, test)
            _mutate_candidate(slot, candidate, mutants, (cases, proof))
    _mutate_relations(rule_set, cases, proof)


def _mutate_candidate(
    slot: Slot, candidate: Candidate, mutants: Iterable[Mutant], about: tuple[CasesOfTest, Proof]
) -> None:
    cases, proof = about
    subject = Subject(slot.test, candidate.rule, slot.criterion)
    own = cases.by_subject.get(subject)
    if own is None:
        return  # unreached, which is told by name
    for mutant in mutants:
        proof.mutant_count += 1
        if not is_noticed(mutant, slot, candidate, own):
            proof.survivors.append(f"{_named(subject)}: {mutant.words}")


def _mutate_relations(rule_set: RuleSet, cases: CasesOfTest, proof: Proof) -> None:
    """Operators and limits of the relations of a test, and the members of its panels."""
    changed: list[tuple[Subject, str, Check]] = []
    for relation in rule_set.relations_of.get(cases.test, ()):
        subject = Subject(cases.test, relation.what.id, Criterion.CONSISTENCY)
        changed += [(subject, *one) for one in relation_mutants(relation, rule_set)]
    for panel in rule_set.panels_of.get(cases.test, ()):
        subject = Subject(cases.test, panel.what.id, Criterion.COMPLETENESS)
        changed += [(subject, *one) for one in panel_mutants(panel, cases.test)]
    for subject, words, check in changed:
        own = cases.by_subject.get(subject, ())
        proof.mutant_count += 1
        if all(found_marks([check.find(case.facts)]) == expected(case) for case in own):
            proof.survivors.append(f"{_named(subject)}: {words}")


def _named(subject: Subject) -> str:
    return f"{subject.test} / {subject.rule} / {subject.criterion.value}"


def passed_book(rule_set: RuleSet, proof: Proof) -> RuleBook | None:
    """The compiled rules, only when the proof is of exactly these texts and passed."""
    if proof.digest != rule_set.digest or not proof.is_passed:
        return None
    return compiled(rule_set)

"""The conformance kit: everything that a driver's folder must show before a laboratory trusts it, said in plain words.

Third parties run it on their own package (`labwire drivers check ./my-driver`, or `check_folder` from a test of
theirs); the drivers of this tree pass the same checks.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from middleware.driver.api import Driver
from middleware.driver.cases import CASES, EXPECTED, FILE, SESSION, outcome, play_case
from middleware.driver.catalogue import PROFILE_FILE, Catalogue
from middleware.driver.conformance_stress import stress
from middleware.driver.hooks import hook_of
from middleware.driver.profile import DriverRole, Profile, Tier, read_profile
from middleware.errors import DriverError, MiddlewareError

_SUPPORTED = "Supported:"
_LIMITS = re.compile(
    r"\b(limits?|limitations|not|no|unknown|only|until|never|held)\b", re.IGNORECASE
)
_GENERIC = "generic_"  # names tolerances ahead, for analyzers that nobody has seen
_LONGEST_LIST = 8


class Weight(StrEnum):
    """What a finding means."""

    WRONG = "wrong"  # the driver does not do what it says
    MISSING = "missing"  # nobody can trust it yet
    REMARK = "remark"  # worth knowing
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that was checked: what came of it, and what to do."""

    weight: Weight
    what: str


@dataclass
class Report:
    """All that was checked of one driver. `earned` is the tier that its cases prove."""

    folder: Path
    driver_id: str = ""
    earned: Tier = Tier.DRAFTED
    shown: list[Shown] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing is wrong and nothing is missing."""
        return not any(one.weight in (Weight.WRONG, Weight.MISSING) for one in self.shown)

    def add(self, weight: Weight, what: str) -> None:
        """Note one thing."""
        self.shown.append(Shown(weight, what))

    def judge(
        self, is_good: bool, good: str, otherwise: str, weight: Weight = Weight.MISSING
    ) -> None:
        """Note one thing, as it turned out."""
        self.add(Weight.GOOD if is_good else weight, good if is_good else otherwise)


def check_folder(folder: Path, catalogue: Catalogue) -> Report:
    """Check the driver in one folder. `catalogue` gives the protocols. Never raises for what is wrong with a driver."""
    report = Report(folder)
    driver = _make(folder, catalogue, report)
    if driver is None:
        return report
    _check_profile(folder, driver.profile, report)
    _check_readme(folder, report)
    _check_sample(folder, driver.profile, report)
    outcomes = _check_cases(folder, driver, report)
    _check_evidence(driver.profile, outcomes, report)
    for complaint in stress(driver, folder):
        report.add(Weight.WRONG, complaint)
    if report.shown[-1].weight is not Weight.WRONG:
        report.add(
            Weight.GOOD,
            "Bytes one by one, in random cuts, damaged and hostile: the same messages, and no fault.",
        )
    return report


def folders_in(place: Path) -> list[Path]:
    """The folder itself when it holds a profile, else every folder below that does; a package may hold many."""
    if (place / PROFILE_FILE).is_file():
        return [place]
    return sorted(path.parent for path in place.glob(f"**/{PROFILE_FILE}"))


def accept_cases(folder: Path, catalogue: Catalogue) -> list[Path]:
    """Write what each case reads now as its expected outcome; the files that changed.

    Raises DriverError when the profile makes no driver, OSError when a case cannot be read or written.
    """
    text = (folder / PROFILE_FILE).read_text(encoding="utf-8")
    driver = catalogue.make(read_profile(text, PROFILE_FILE, folder))
    changed = []
    for case in _cases(folder):
        came = json.dumps(outcome(play_case(case, driver)), indent=1, ensure_ascii=False) + "\n"
        path = case / EXPECTED
        if not path.is_file() or path.read_text(encoding="utf-8") != came:
            path.write_text(came, encoding="utf-8")
            changed.append(path)
    return changed


def _cases(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / CASES).glob("*") if path.is_dir())


# -- profile and documents -------------------------------------------------------------------------


def _make(folder: Path, catalogue: Catalogue, report: Report) -> Driver | None:
    path = folder / PROFILE_FILE
    try:
        profile = read_profile(path.read_text(encoding="utf-8"), PROFILE_FILE, folder)
        report.driver_id = profile.id
        driver = catalogue.make(profile)
        hook_of(profile)
    except (OSError, UnicodeDecodeError) as error:
        report.add(Weight.WRONG, f"{PROFILE_FILE} cannot be read: {error}")
        return None
    except DriverError as error:
        report.add(Weight.WRONG, f"{error} {error.what_to_do}".strip())
        return None
    report.add(
        Weight.GOOD, f"The profile is valid, and the protocol {profile.driver.protocol} reads it."
    )
    return driver


def _check_profile(folder: Path, profile: Profile, report: Report) -> None:
    name = folder.resolve().name
    report.judge(
        name == profile.id,
        "The folder is named like the driver.",
        f"The folder is called {name!r} and the driver {profile.id!r}: they must be the same.",
        Weight.WRONG,
    )
    text = (folder / PROFILE_FILE).read_text(encoding="utf-8")
    if "transport" not in tomllib.loads(text):
        report.add(
            Weight.REMARK,
            "[transport] is not declared: any line is taken. Say whether the analyzer dials, listens, has a "
            "serial port or writes files.",
        )
    guesses, likely = _marked(text, "guess"), _marked(text, "likely")
    if guesses:
        report.add(
            Weight.MISSING,
            f"{len(guesses)} keys are still marked as guesses ({_some(guesses)}): check each against "
            "the analyzer, then take its remark away.",
        )
    if likely:
        report.add(
            Weight.REMARK,
            f"{len(likely)} keys are still marked as likely ({_some(likely)}): compare them with one "
            "tube and one printout, then take the remarks away.",
        )
    if not profile.identify and not profile.id.startswith(_GENERIC):
        report.add(Weight.REMARK, "[identify] is empty: a wrong cable would not be noticed.")


def _marked(text: str, word: str) -> list[str]:
    """The keys, with their sections, below a remark that a draft has left."""
    section, is_marked, keys = "", False, []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif is_marked:
            keys.append(f"{section}.{line.partition('=')[0].strip()}")
        is_marked = line.startswith(f"# {word}: ")
    return keys


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LONGEST_LIST} more" if len(names) > _LONGEST_LIST else ""
    return ", ".join(names[:_LONGEST_LIST]) + more


def _check_readme(folder: Path, report: Report) -> None:
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        report.add(
            Weight.MISSING,
            f"README.md is missing: say after {_SUPPORTED!r} what works, and what does not.",
        )
        return
    report.judge(
        _SUPPORTED in text,
        "The README says what is supported.",
        f"The README has no line with {_SUPPORTED!r}: say which roles work.",
    )
    report.judge(
        bool(_LIMITS.search(text)),
        "The README names limits.",
        "The README names no limits: say what is not supported, not read or not known.",
    )


def _check_sample(folder: Path, profile: Profile, report: Report) -> None:
    try:
        lines = tomllib.loads((folder / "sample.toml").read_text(encoding="utf-8")).get("line", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        report.add(
            Weight.MISSING,
            f"sample.toml cannot be read ({error}): give a [[line]] that a site can copy.",
        )
        return
    own = [one for one in lines if one.get("driver") == profile.id]
    if not own:
        report.add(Weight.MISSING, f"sample.toml has no [[line]] with driver = {profile.id!r}.")
        return
    kind = str(own[0].get("transport", {}).get("type", ""))
    report.judge(
        profile.allows_transport(kind),
        "The sample line fits the transport of the profile.",
        f"The sample line uses {kind!r}, which [transport] of the profile does not allow.",
        Weight.WRONG,
    )


# -- cases -----------------------------------------------------------------------------------------


def _check_cases(folder: Path, driver: Driver, report: Report) -> list[dict[str, Any]]:
    cases = _cases(folder)
    if not cases:
        report.add(
            Weight.MISSING,
            f"There is no case: {CASES}/<name>/{SESSION} and {EXPECTED} show what is read from a session.",
        )
    outcomes = []
    for case in cases:
        came = _check_case(case, driver, report)
        if came is not None:
            outcomes.append(came)
    return outcomes


def _check_case(case: Path, driver: Driver, report: Report) -> dict[str, Any] | None:
    if not any((case / name).is_file() for name in (SESSION, FILE)):
        report.add(Weight.MISSING, f"Case {case.name}: neither {SESSION} nor {FILE} is there.")
        return None
    try:
        came = outcome(play_case(case, driver))
    except (OSError, UnicodeError, MiddlewareError) as error:
        report.add(Weight.WRONG, f"Case {case.name} cannot be played: {error}")
        return None
    try:
        expected = json.loads((case / EXPECTED).read_text(encoding="utf-8"))
    except (OSError, UnicodeError, json.JSONDecodeError) as error:
        report.add(Weight.MISSING, f"Case {case.name}: {EXPECTED} cannot be read ({error}).")
        return None
    place = first_difference(expected, came)
    report.judge(
        not place,
        f"Case {case.name} is read as expected.",
        f"Case {case.name} is read otherwise than expected: {place}.",
        Weight.WRONG,
    )
    return came


def first_difference(expected: object, came: object, place: str = "") -> str:
    """Where two outcomes differ first, as a path with both texts; '' when they are equal."""
    if isinstance(expected, dict) and isinstance(came, dict):
        for key in sorted({*expected, *came}):
            found = first_difference(
                expected.get(key), came.get(key), f"{place}.{key}" if place else str(key)
            )
            if found:
                return found
        return ""
    if isinstance(expected, list) and isinstance(came, list):
        if len(expected) != len(came):
            return f"{place}: {len(expected)} expected, {len(came)} came"
        pairs = enumerate(zip(expected, came, strict=True))
        found_in = (
            first_difference(one, other, f"{place}[{number}]") for number, (one, other) in pairs
        )
        return next((found for found in found_in if found), "")
    return "" if expected == came else f"{place}: {expected!r} expected, {came!r} came"


# -- evidence --------------------------------------------------------------------------------------


def _check_evidence(profile: Profile, outcomes: list[dict[str, Any]], report: Report) -> None:
    messages = [message for came in outcomes for message in came["messages"]]
    results = [result for message in messages for result in message.get("results", ())]
    proven = {DriverRole.RESULTS} if results else set()
    if any(message.get("queries") for message in messages):
        proven.add(DriverRole.HOST_QUERY)
    unproven = [role for role in profile.driver.roles if role not in proven]
    for role in unproven:
        report.add(Weight.MISSING, f"The role {role} is declared and no case shows it.")
    if outcomes and not unproven:
        report.earned = Tier.EMULATED
        report.add(Weight.GOOD, "Every declared role is shown by a case.")
    _check_tier(profile, report)
    if results and all(_role_of(result) == "patient" for result in results):
        report.add(
            Weight.REMARK,
            "No case holds a control: how it is told from a patient's specimen is not proven.",
        )
    used = {quirk for came in outcomes for quirk in came["quirks"]}
    unused = sorted(set(profile.link.quirks) - used)
    if unused and not profile.id.startswith(_GENERIC):
        report.add(
            Weight.MISSING,
            f"No case needs the quirks {', '.join(unused)}: take them out, or add a case that does.",
        )


def _role_of(result: dict[str, Any]) -> str:
    return str(result.get("specimen", {}).get("role", "patient"))


def _check_tier(profile: Profile, report: Report) -> None:
    order = list(Tier)
    declared = profile.driver.tier
    if order.index(declared) <= order.index(report.earned):
        report.add(Weight.GOOD, f"The tier {declared} is earned.")
    elif declared is Tier.EMULATED:
        report.add(
            Weight.MISSING, "The tier emulated needs a case for each role; the cases earn drafted."
        )
    else:
        report.add(
            Weight.REMARK,
            f"The tier {declared} needs evidence beyond the cases, which no program can check; "
            f"the cases earn {report.earned}.",
        )

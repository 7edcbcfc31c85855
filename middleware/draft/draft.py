"""The draft of a driver: from a recording to a profile that validates and reads it, with every doubt said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from middleware.draft.evidence import Findings
from middleware.draft.framing import needed_quirks
from middleware.draft.hl7 import guess_hl7
from middleware.draft.lis2 import guess_lis2
from middleware.draft.listing import find_listing
from middleware.draft.poct1a import guess_poct1a
from middleware.draft.profile_text import profile_text
from middleware.draft.reading import Recording
from middleware.draft.recognise import Kind, Traffic, recognise
from middleware.draft.refine import refine
from middleware.draft.table import find_table
from middleware.draft.telegram import find_telegrams
from middleware.driver.api import Driver
from middleware.driver.cases import CASE_CONTEXT, Played, play, play_file
from middleware.driver.finish import finish
from middleware.driver.profile import Profile, read_profile
from middleware.driver.quirks import QUIRKS
from middleware.errors import DriverError, MiddlewareError

MakeDriver = Callable[[Profile], Driver]


@dataclass(frozen=True, slots=True)
class Draft:
    """What came of a recording. `profile` is the text of driver.toml; `played` what it reads from the recording."""

    driver_id: str
    kind: Kind
    is_file: bool
    profile: str
    findings: Findings
    steps: tuple[bytes, ...]
    texts: tuple[bytes, ...]
    played: Played
    notes: tuple[str, ...] = field(default=())


class NothingRecognised(DriverError):
    """No protocol is recognised in the recording. Nothing was written."""

    code = "nothing-recognised"


def make_draft(recording: Recording, driver_id: str, name: str, make: MakeDriver) -> Draft:
    """Draft a driver. `make` turns a Profile into a driver with an installed protocol.

    Raises NothingRecognised, and DriverError when even the draft cannot be made into a driver.
    """
    traffic, findings = _find(recording)
    head = _Head(driver_id, name, traffic, recording)

    def build(found: Findings) -> Driver:
        return make(read_profile(head.profile(found), f"{driver_id} (draft)"))

    if traffic.kind in (Kind.LIS2, Kind.HL7, Kind.LAW, Kind.POCT1A):
        _add_quirks(findings, traffic, build)
    if traffic.kind is Kind.LAW and not _reads_all(findings, traffic, build):
        head.traffic = traffic = Traffic(Kind.HL7, traffic.is_framed, traffic.texts, traffic.steps)
        findings = guess_hl7(traffic.texts, is_law=False)
        findings.notes.append(
            "The messages name IHE LAW, but not all follow it: read as plain HL7."
        )
        _add_quirks(findings, traffic, build)
    refine(findings, lambda found: _read(build(found), traffic, recording))
    _add_roles(findings, _play(build(findings), traffic, recording))
    played = _play(build(findings), traffic, recording)
    _say_what_is_left(findings, played, traffic)
    return Draft(
        driver_id,
        traffic.kind,
        not traffic.is_framed,
        head.profile(findings),
        findings,
        traffic.steps,
        traffic.texts,
        played,
        recording.notes,
    )


def _find(recording: Recording) -> tuple[Traffic, Findings]:
    traffic = recognise(recording.data)
    if traffic is not None:
        if traffic.kind is Kind.LIS2:
            return traffic, guess_lis2(traffic.texts)
        if traffic.kind is Kind.POCT1A:
            return traffic, guess_poct1a(traffic.texts)
        return traffic, guess_hl7(traffic.texts, is_law=traffic.kind is Kind.LAW)
    is_on_line = any(byte in recording.data for byte in (b"\x02", b"\x05"))
    others = (find_table, find_telegrams, find_listing)
    for find in (find_telegrams, *others) if is_on_line else others:
        found = find(recording.data)
        if found is not None:
            return found
    raise NothingRecognised(
        "nothing in the recording looks like a protocol or a table that Labwire knows",
        what_to_do="Look at it with an editor; record again as bytes (`labwire capture start`), or ask for the manual.",
    )


@dataclass
class _Head:
    """What a profile says before any guess: who it is for, and how it travels."""

    driver_id: str
    name: str
    traffic: Traffic
    recording: Recording

    def profile(self, found: Findings) -> str:
        """The text of driver.toml."""
        whole = Findings()
        is_file = not self.traffic.is_framed
        whole.certain("driver.id", self.driver_id, "")
        whole.certain("driver.name", self.name, "")
        whole.certain("driver.protocol", str(self.traffic.kind), "")
        whole.likely("driver.roles", self._roles(found), "what the recording shows")
        whole.certain("driver.manual", "none yet; drafted from one recording", "")
        whole.certain("driver.tier", "drafted", "")
        whole.guess(
            "transport.tcp",
            "none" if is_file else "either",
            "who dials? See the analyzer's settings",
        )
        if is_file:
            whole.likely("transport.serial", False, "")
            whole.likely("transport.file", True, "")
        elif self.traffic.kind in (Kind.LAW, Kind.POCT1A):
            whole.likely("transport.serial", False, "")
        whole.guesses.update(found.guesses)
        return profile_text(whole, _heading(self.name, self.recording))

    def _roles(self, found: Findings) -> tuple[str, ...]:
        asks = any(key.startswith("query.") for key in found.guesses)
        shows = bool(found.codes) or not asks
        return tuple(
            role for role, is_shown in (("results", shows), ("host_query", asks)) if is_shown
        )


def _heading(name: str, recording: Recording) -> list[str]:
    return [
        f"DRAFT of a driver for {name}, made by `labwire drivers new` from {recording.form}.",
        "Each line says how sure it is: certain, likely or guess. Compare the likely ones with one tube and one",
        "printout, look at the guesses first. Take a remark away when you have checked its line:",
        "`labwire drivers check` counts the rest.",
    ]


def _read(driver: Driver, traffic: Traffic, recording: Recording) -> Played:
    """What the driver reads, also from messages whose frames a log has damaged: their texts are evidence too."""
    played = _play(driver, traffic, recording)
    if not traffic.is_framed or len(played.texts) >= len(traffic.texts):
        return played
    return read_texts(driver, traffic.texts)


def read_texts(driver: Driver, texts: Sequence[bytes]) -> Played:
    """Decode texts that no link has taken."""
    played = Played(texts=list(texts))
    for text in texts:
        try:
            played.envelopes.append(finish(driver.decode(text, CASE_CONTEXT), driver.profile))
        except DriverError as error:
            played.errors.append(error)
    return played


def _play(driver: Driver, traffic: Traffic, recording: Recording) -> Played:
    if not traffic.is_framed:
        return play_file(driver, recording.data, CASE_CONTEXT)
    return play(driver, traffic.steps, CASE_CONTEXT)


def _reads_all(findings: Findings, traffic: Traffic, build: Callable[[Findings], Driver]) -> bool:
    try:
        driver = build(findings)
        for text in traffic.texts:
            driver.decode(text, CASE_CONTEXT)
    except MiddlewareError:
        return False
    return True


def _add_quirks(findings: Findings, traffic: Traffic, build: Callable[[Findings], Driver]) -> None:
    def make(quirks: Sequence[str]) -> Driver:
        trial = Findings(dict(findings.guesses))
        trial.likely("link.quirks", tuple(quirks), "")
        return build(trial)

    best, needed = needed_quirks(make, traffic.steps, is_file=not traffic.is_framed)
    if needed:
        said = "; ".join(
            f"{name}: {QUIRKS[name].what_the_analyzer_does.rstrip('.')}" for name in needed
        )
        findings.likely("link.quirks", needed, f"the recording cannot be taken without. {said}")
    dropped = [name for name in best.quirks if name not in needed]
    if dropped:
        findings.missing.append(
            f"Some frames would need {', '.join(dropped)}: a log lost characters, or the line is noisy. "
            "Record again as bytes."
        )


def _add_roles(findings: Findings, played: Played) -> None:
    """Queries that are read make a role, and need their section."""
    asked = [query for envelope in played.envelopes for query in envelope.queries]
    if asked and "query.sample_id" not in findings.guesses:
        findings.notes.append(
            "The recording holds host queries; this protocol reads them by its own rules."
        )


def _say_what_is_left(findings: Findings, played: Played, traffic: Traffic) -> None:
    if played.refused:
        findings.missing.append(
            f"{played.refused} frames of the recording are refused by the link."
        )
    for error in played.errors[:3]:
        findings.missing.append(f"A message cannot be read: {error}")
    if traffic.is_framed and len(played.texts) < len(traffic.texts):
        findings.missing.append(
            f"{len(traffic.texts)} messages were seen in the recording, the link took {len(played.texts)}."
        )

"""The twin of an analyzer: turns a driver's profile round, so that it says what the driver should understand.

Everything comes from the profile and its protocol's `Voice`: for each key of the profile a text at its path, for each
rule a text that it explains. What is meant stands beside every message, made from the same choice and not by reading.
All people and values are invented and seeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

from emulators.specimens import PANELS, EmulatedSpecimen, SpecimenSource
from emulators.twin_texts import TwinTexts, is_among
from emulators.twin_values import SaidValue, ValueWriter, Wanted
from middleware.driver.profile import Profile
from middleware.driver.rules import PathRule
from middleware.driver.speak import Dialect, Said, SaidTube, Texts, Voice
from middleware.model import AbnormalFlag, ResultStatus, SampleRole, ValueKind

_WITHOUT_VALUE = frozenset({ResultStatus.CANNOT_OBTAIN, ResultStatus.PENDING})
_TESTS = {test.code: test.name for panel in PANELS.values() for test in panel}
_SPECIMEN_KEYS = ("instrument_sample_id", "carrier", "position", "specimen_type")
_RESULT_KEYS = ("test_name", "test_detail", "reference_range", "operator", "module", "reagent_lot")
_HEADER_TEXTS = {"analyzer": "TWIN", "serial": "4711"}
_RESULT_TEXTS = {
    "test_detail": "1",
    "reference_range": "3.9-6.1",
    "operator": "OP1",
    "module": "1",
    "reagent_lot": "778",
}
_MOST_TRIES = 40


class Manner(StrEnum):
    """How freely it speaks."""

    PLAIN = "plain"  # final numbers
    RULES = "rules"  # every value rule, flag and status that may leave the node
    ODD = "odd"  # also what must be held: masked values, tests that could not be done


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one result means. `value` is what its text means, `texts` the other keys of the profile that it says."""

    sample_id: str
    role: SampleRole
    test_code: str
    value: SaidValue
    flags: tuple[AbnormalFlag, ...]
    status: ResultStatus
    measured_at: datetime | None
    texts: Mapping[str, str]
    patient_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message, and what it means. `analyzer` is what it calls itself."""

    said: Said
    meanings: tuple[Meaning, ...] = ()
    analyzer: str = ""
    asks_for: str = ""


@dataclass(slots=True)
class TwinPlan:
    """Who it is for. `zone` is that of its clock; `prefix` begins its sample ids."""

    seed: int = 7
    prefix: str = "T-"
    zone: str = "UTC"
    results: int = 3
    tubes: int = 1


@dataclass(slots=True)
class _Tube:
    """One specimen while it is being said."""

    texts: TwinTexts
    specimen: EmulatedSpecimen
    role: SampleRole
    moment: datetime
    results: list[Texts] = field(default_factory=list)
    meanings: list[Meaning] = field(default_factory=list)


class Twin:
    """I speak as the analyzer of one profile. The same seed gives the same messages."""

    def __init__(self, profile: Profile, voice: Voice, plan: TwinPlan | None = None) -> None:
        self.profile, self.voice, self.plan = profile, voice, plan or TwinPlan()
        self._dialect: Dialect = voice.dialect
        self._random = Random(self.plan.seed)
        self._values = ValueWriter(profile, self._random)
        self._source = SpecimenSource(self.plan.seed, self.plan.prefix)
        self._number = 0

    @property
    def roles(self) -> tuple[SampleRole, ...]:
        """Roles that it has a mark for; patients need none."""
        texts, rules = self._texts({}), self.profile.specimen.role
        marked = [one for one in SampleRole if texts.ways_to_mark(one, rules, "1")]
        return tuple(dict.fromkeys((SampleRole.PATIENT, *marked)))

    @property
    def untold(self) -> tuple[str, ...]:
        """What the profile says and the twin cannot say, each as a sentence."""
        hook = ("what its hook does",) if self.profile.hook.decoded else ()
        return (*self.voice.untold, *self._values.untold, *hook)

    def results(
        self,
        moment: datetime,
        role: SampleRole = SampleRole.PATIENT,
        manner: Manner = Manner.PLAIN,
    ) -> Spoken:
        """A message with results; `moment` in the analyzer's local time."""
        message: dict[str, str] = {}
        self._number += 1
        tubes = []
        for _ in range(self.plan.tubes):
            is_patient = role is SampleRole.PATIENT
            specimen = self._source.specimen("chem") if is_patient else self._source.control("chem")
            tube = _Tube(self._texts(message), specimen, role, moment)
            self._say_tube(tube, manner)
            tubes.append(tube)
        said = Said(
            message,
            tuple(SaidTube(tube.texts.shared, tuple(tube.results)) for tube in tubes),
            moment=moment.strftime(self._dialect.time_format),
            number=self._number,
        )
        meanings = tuple(meaning for tube in tubes for meaning in tube.meanings)
        return Spoken(said, meanings, tubes[0].texts.read(self.profile.header.analyzer))

    def query(self, moment: datetime) -> Spoken:
        """A host query for one specimen; the profile has the role host_query."""
        section = self.profile.query
        if section is None:
            raise ValueError(f"{self.profile.id} asks nothing")
        self._number += 1
        texts = self._texts({})
        self._say_header(texts, moment)
        message = texts.message
        sample_id = self._source.specimen("chem").sample_id
        for rule, text in (
            (section.sample_id, sample_id),
            (section.carrier, "7"),
            (section.position, "3"),
        ):
            texts.write(rule, text)
        asked = {**texts.shared, **texts.own}
        said = Said(
            message, (), asked, moment.strftime(self._dialect.time_format), number=self._number
        )
        return Spoken(said, (), texts.read(self.profile.header.analyzer), texts.read(section.sample_id))

    # -- parts ------------------------------------------------------------------------------------

    def _texts(self, message: dict[str, str]) -> TwinTexts:
        return TwinTexts(self._dialect, message, self._random)

    def _say_header(self, texts: TwinTexts, moment: datetime) -> None:
        for path, wanted in self.profile.identify.items():
            texts.put(path, wanted if isinstance(wanted, str) else wanted[0])
        header = self.profile.header
        texts.write(header.control_id, str(self._number))
        texts.write(header.sent_at, moment.strftime(self._dialect.time_format))
        for key, text in _HEADER_TEXTS.items():
            texts.write(getattr(header, key), text)

    def _say_tube(self, tube: _Tube, manner: Manner) -> None:
        texts, section = tube.texts, self.profile.specimen
        texts.mark(tube.role, section.role, tube.specimen.sample_id)
        if not _is_own(self, self.profile.result.measured_at):
            self._say_time(texts, tube.moment)  # a header may say the same moment in the same place
        self._say_header(texts, tube.moment)
        texts.write(section.sample_id, tube.specimen.sample_id)
        serial = tube.specimen.sample_id[-4:]
        for key, text in zip(_SPECIMEN_KEYS, (serial, "7", "3", "SER"), strict=True):
            texts.write(getattr(section, key), text)
        if tube.role is SampleRole.PATIENT:
            self._say_patient(texts, tube.specimen)
        else:
            texts.write(section.control_lot, "4711")
            texts.write(section.control_level, "2")
        for code, fixed in self._tests():
            texts.begin_result()
            for path, text in fixed.items():
                texts.put(path, text)
            self._say_result(tube, code, manner)

    def _say_patient(self, texts: TwinTexts, specimen: EmulatedSpecimen) -> None:
        section = self.profile.specimen
        for rule in section.patient_ids:
            texts.put(rule.path, specimen.patient_id)
        name = specimen.patient_name
        is_part = section.patient_name is not None and any(
            path[-1].isdigit() and "." in path for path in section.patient_name.paths
        )
        parts = name.split("^")
        texts.write(
            section.patient_name, parts[0] if is_part else self._dialect.name_delimiter.join(parts)
        )
        texts.write(section.birth_date, specimen.birth_date)
        texts.write(section.sex, specimen.sex)

    def _tests(self) -> list[tuple[str, Texts]]:
        """The tests of one specimen: a code, and the texts that only occur together."""
        count = self.plan.results
        sets = self._dialect.sets
        codes = [code for code in self.profile.values.formats if code != "*"] or list(_TESTS)
        if sets:
            code = self._random.choice(codes)
            drawn = sorted(self._random.sample(range(len(sets)), min(count, len(sets))))
            return [(code, sets[at]) for at in drawn]
        return [(code, {}) for code in self._random.sample(codes, min(count, len(codes)))]

    def _say_result(self, tube: _Tube, code: str, manner: Manner) -> None:
        texts, section = tube.texts, self.profile.result
        texts.write(section.test_code, code)
        code = texts.read(section.test_code)
        texts.write(section.dilution, "1")
        own = {"test_name": _TESTS.get(code, "Test"), **_RESULT_TEXTS}
        for key in _RESULT_KEYS:
            texts.write(getattr(section, key), own[key])
        status_text, status = self._status(manner)
        value = self._value(texts, code, status, manner)
        flag_text, flag = self._flag(value, status)
        texts.put(section.value, value.text)
        texts.write(section.unit, value.unit)
        texts.write(section.flags, flag_text)
        texts.write(section.status, status_text)
        self._say_time(texts, tube.moment)
        tube.results.append(dict(texts.own))
        tube.meanings.append(self._meaning(tube, value, status, (flag_text, flag)))

    def _status(self, manner: Manner) -> tuple[str, ResultStatus]:
        rule = self.profile.result.status
        if rule is None:
            return "", ResultStatus.FINAL
        table = self._dialect.statuses if rule.table is None else rule.table
        final = [text for text, status in table.items() if status is ResultStatus.FINAL]
        others = [text for text, status in table.items() if status not in _WITHOUT_VALUE]
        if manner is Manner.ODD and self._random.random() < 0.3 and not self._dialect.is_value_needed:
            others = list(table)
        choices = final if manner is Manner.PLAIN and final else others
        text = self._random.choice(choices or list(table))
        return text, table[text]

    def _value(
        self, texts: TwinTexts, code: str, status: ResultStatus, manner: Manner
    ) -> SaidValue:
        if status in _WITHOUT_VALUE:
            return SaidValue("", ValueKind.ABSENT, shown_unit=None)
        section = self.profile.result
        fixed = texts.read(section.unit)
        is_known = section.unit is None or any(
            texts.at(path) is not None for path in section.unit.paths
        )
        wanted = Wanted(
            code,
            fixed if is_known else None,
            section.unit is not None,
            not section.value.rpartition(".")[2].isdigit(),
            self._dialect.component,
        )
        write = self._values.number if manner is Manner.PLAIN else self._values.told
        if manner is Manner.ODD and self._random.random() < 0.2:
            write = self._values.held
        return self._fitting(write, wanted)

    def _fitting(self, write: object, wanted: Wanted) -> SaidValue:
        width = self._dialect.widths.get(self.profile.result.value)
        has_flags = self.profile.result.flags is not None
        for _ in range(_MOST_TRIES):
            said: SaidValue = write(wanted)  # type: ignore[operator]
            is_short = width is None or len(said.text) <= width
            is_there = bool(said.text.strip()) or not self._dialect.is_value_needed
            if is_short and is_there and (has_flags or not said.needs_flag):
                return said
        return self._values.number(wanted)

    def _flag(
        self, value: SaidValue, status: ResultStatus
    ) -> tuple[str, tuple[AbnormalFlag, ...]]:
        rule = self.profile.result.flags
        if rule is None or status in _WITHOUT_VALUE:
            return "", ()
        table = self._dialect.flags if rule.table is None else rule.table
        none = [] if value.needs_flag else ["", *self.profile.result.no_flag]
        text = self._random.choice([*(one for one in table if one), *none])
        if text in self.profile.result.no_flag or text not in table:
            return text, ()
        return text, (table[text],)

    def _say_time(self, texts: TwinTexts, moment: datetime) -> None:
        rule = self.profile.result.measured_at
        if rule is not None:
            aware = moment.replace(tzinfo=ZoneInfo(self.plan.zone))
            texts.write(rule, aware.strftime(rule.format or self._dialect.time_format))

    def _meaning(
        self,
        tube: _Tube,
        value: SaidValue,
        status: ResultStatus,
        flag: tuple[str, tuple[AbnormalFlag, ...]],
    ) -> Meaning:
        texts, profile = tube.texts, self.profile
        specimen, result = profile.specimen, profile.result
        if value.needs_flag:
            value = SaidValue("", ValueKind.TEXT, words=flag[0], shown_unit=None)
        role = texts.role(specimen.role)
        is_patient = role is SampleRole.PATIENT
        said = {key: texts.read(getattr(specimen, key)) for key in _SPECIMEN_KEYS}
        said |= {key: texts.read(getattr(result, key)) for key in _RESULT_KEYS}
        if not is_patient:
            said |= {
                key: texts.read(getattr(specimen, key)) for key in ("control_lot", "control_level")
            }
        found = [text for rule in specimen.patient_ids if (text := texts.at(rule.path))]
        return Meaning(
            sample_id=texts.read(specimen.sample_id),
            role=role,
            test_code=texts.read(result.test_code),
            value=value,
            flags=flag[1],
            status=status,
            measured_at=self._moment_of(texts.read(result.measured_at)),
            texts={key: text for key, text in said.items() if _is_said(self, key)},
            patient_ids=tuple(dict.fromkeys(found)),
        )

    def _moment_of(self, text: str) -> datetime | None:
        """The instant that a text names: what the format left out was not said."""
        rule = self.profile.result.measured_at
        if rule is None or not text:
            return None
        local = datetime.strptime(text, rule.format or self._dialect.time_format)
        if local.tzinfo is None:
            local = local.replace(tzinfo=ZoneInfo(self.plan.zone))
        return local.astimezone(UTC)


def _is_said(twin: Twin, key: str) -> bool:
    """Whether the profile has a rule for a key."""
    sections = (twin.profile.specimen, twin.profile.result)
    return any(isinstance(getattr(one, key, None), PathRule) for one in sections)


def _is_own(twin: Twin, rule: PathRule | None) -> bool:
    """Whether each result says it for itself."""
    beginnings = twin.voice.dialect.of_result
    return any(is_among(path, beginnings) for path in (rule.paths if rule is not None else ()))

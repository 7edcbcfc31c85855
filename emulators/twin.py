"""The twin of an analyzer: turns a driver's profile round, so that it says what the driver should understand.

Everything comes from the profile and its protocol's `Voice`: for each key of the profile a text at its path, for each
rule a text that it explains. What is meant stands beside every message, made from the same choice and not by reading.
All people and values are invented and seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from emulators.specimens import PANELS, EmulatedSpecimen, SpecimenSource
from emulators.twin_spoken import Manner, Meaning, Spoken, TwinPlan, Whose
from emulators.twin_texts import TwinTexts, is_among
from emulators.twin_values import SaidValue, ValueWriter, Wanted
from middleware.driver.profile import Profile
from middleware.driver.reading import Dilution
from middleware.driver.rules import PathRule
from middleware.driver.speak import Dialect, Said, SaidTube, Texts, Voice
from middleware.errors import DriverError
from middleware.model import AbnormalFlag, ResultStatus, SampleRole, ValueKind

_WITHOUT_VALUE = frozenset({ResultStatus.CANNOT_OBTAIN, ResultStatus.PENDING})
_TESTS = {test.code: test.name for panel in PANELS.values() for test in panel}
_SPECIMEN_KEYS = ("instrument_sample_id", "carrier", "position", "specimen_type")
_CONTROL_KEYS = ("control_lot", "control_level")
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
_MOST_REDRAWN = 60
_OWN_FLAG = "Q"  # one letter, for analyzers whose flags are letters
# Shares of odd results.
_NOT_DONE, _MASKED = 0.3, 0.2
_DATE_DIGITS = 8
_TOKENS_IN_WORDS = ("%m", "%p")  # what makers write in words of their own
_NO_VALUE = ValueKind.UNEXPLAINED


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a message is to be. `fill` stands where a role's pattern takes anything."""

    moment: datetime
    role: SampleRole
    manner: Manner
    fill: str


@dataclass(slots=True)
class _Tube:
    """One specimen while it is being said."""

    texts: TwinTexts
    specimen: EmulatedSpecimen
    draw: _Draw
    whose: Whose = field(default_factory=Whose)
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
        self._plain_times: dict[str, str] = {}  # as said, and without words

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
        again: Spoken | None = None,
    ) -> Spoken:
        """A message with results; `moment` in the analyzer's local time. `again`: its specimens and tests once more.

        What the protocol cannot write, such as a value that is too wide, is drawn anew. Raises DriverError when nothing
        fits.
        """
        self._number += 1
        wish = again or Spoken(Said({}), specimens=self._specimens(role), tests=())
        problem = DriverError(
            f"{self.profile.id}: nothing can be written", what_to_do="See the profile."
        )
        for attempt in range(_MOST_REDRAWN):
            fill = wish.specimens[0].sample_id if attempt % 2 == 0 else ""
            spoken = self._draw(_Draw(moment, role, manner, fill), wish)
            try:
                self.voice.compose(spoken.said, self.plan.encoding)
            except DriverError as error:
                problem = error
                continue
            return spoken
        raise problem

    def _specimens(self, role: SampleRole) -> tuple[EmulatedSpecimen, ...]:
        new = self._source.specimen if role is SampleRole.PATIENT else self._source.control
        return tuple([new("chem") for _ in range(self.plan.tubes)])

    def _draw(self, draw: _Draw, wish: Spoken) -> Spoken:
        message: dict[str, str] = {}
        tests = wish.tests or tuple([self._tests() for _ in wish.specimens])
        tubes = [_Tube(self._texts(message), specimen, draw) for specimen in wish.specimens]
        for tube in tubes:  # a mark in the header is one of all specimens
            tube.texts.mark(draw.role, self.profile.specimen.role, draw.fill)
        for tube, of_tube in zip(tubes, tests, strict=True):
            self._say_tube(tube, of_tube)
        said = Said(
            message,
            tuple([SaidTube(tube.texts.shared, tuple(tube.results)) for tube in tubes]),
            moment=draw.moment.strftime(self._dialect.time_format),
            number=self._number,
        )
        meanings = tuple([meaning for tube in tubes for meaning in tube.meanings])
        analyzer = tubes[0].texts.read(self.profile.header.analyzer)
        return Spoken(said, meanings, analyzer, "", wish.specimens, tests)

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
        return Spoken(
            said, (), texts.read(self.profile.header.analyzer), texts.read(section.sample_id)
        )

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

    def _say_tube(self, tube: _Tube, tests: Sequence[tuple[str, Texts]]) -> None:
        texts, section, draw = tube.texts, self.profile.specimen, tube.draw
        if not _is_own(self, self.profile.result.measured_at):
            self._say_time(texts, draw.moment)  # a header may say the same moment in the same place
        self._say_header(texts, draw.moment)
        texts.write(section.sample_id, tube.specimen.sample_id)
        serial = tube.specimen.sample_id[-4:]
        for key, text in zip(_SPECIMEN_KEYS, (serial, "7", "3", "SER"), strict=True):
            texts.write(getattr(section, key), text)
        if draw.role is SampleRole.PATIENT:
            self._say_patient(texts, tube.specimen)
        else:
            texts.write(section.control_lot, "4711")
            texts.write(section.control_level, "2")
        tube.whose = self._specimen_said(texts)
        for code, fixed in tests:
            texts.begin_result()
            for path, text in fixed.items():
                texts.put(path, text)
            self._say_result(tube, code)

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

    def _say_result(self, tube: _Tube, code: str) -> None:
        texts, section, manner = tube.texts, self.profile.result, tube.draw.manner
        texts.write(section.test_code, code)
        code = texts.read(section.test_code)
        texts.write(section.dilution, self._random.choice(self._factors(manner)))
        own = {"test_name": _TESTS.get(code, "Test"), **_RESULT_TEXTS}
        for key in _RESULT_KEYS:
            texts.write(getattr(section, key), own[key])
        status = self._say_status(texts, manner)
        value = self._value(texts, code, status, manner)
        flags = self._say_flag(texts, value, status, manner)
        if value.needs_flag:
            words = texts.read(section.flags)
            value = replace(value, words=words, kind=ValueKind.TEXT if words else _NO_VALUE)
        if value.mark:
            flags = tuple(dict.fromkeys((*flags, *self._flag_of_mark(value.mark))))
        texts.put(section.value, value.text)
        texts.write(section.unit, value.unit)
        self._say_time(texts, tube.draw.moment)
        tube.results.append(dict(texts.own))
        said = {key: rule for key in _RESULT_KEYS if (rule := getattr(section, key)) is not None}
        tube.meanings.append(
            Meaning(
                tube.whose,
                code,
                self._diluted(value, texts.read(section.dilution)),
                flags,
                status,
                self._moment_of(texts.read(section.measured_at)),
                {key: texts.read(rule) for key, rule in said.items()},
                own_flag="" if flags or texts.read(section.flags) != _OWN_FLAG else _OWN_FLAG,
            )
        )

    def _factors(self, manner: Manner) -> tuple[str, ...]:
        """Dilution factors whose meaning the profile declares."""
        is_declared = self.profile.values.dilution is not None and manner is not Manner.PLAIN
        return ("1", "2", "10") if is_declared else ("1",)

    def _diluted(self, value: SaidValue, factor: str) -> SaidValue:
        """What a value means when the analyzer has not counted the dilution."""
        is_counted = self.profile.values.dilution is not Dilution.NOT_APPLIED
        if is_counted or not factor or value.kind not in (ValueKind.NUMBER, ValueKind.RANGE):
            return value
        upper = None if value.upper is None else value.upper * Decimal(factor)
        number = None if value.number is None else value.number * Decimal(factor)
        return replace(value, number=number, upper=upper)

    def _flag_of_mark(self, mark: str) -> tuple[AbnormalFlag, ...]:
        means = self.profile.values.marks[mark]
        return (means,) if isinstance(means, AbnormalFlag) else ()

    def _say_status(self, texts: TwinTexts, manner: Manner) -> ResultStatus:
        rule = self.profile.result.status
        if rule is None:
            return ResultStatus.FINAL
        table = self._dialect.statuses if rule.table is None else rule.table
        final = [text for text, status in table.items() if status is ResultStatus.FINAL]
        others = [text for text, status in table.items() if status not in _WITHOUT_VALUE]
        if (
            manner is Manner.ODD
            and self._random.random() < _NOT_DONE
            and not self._dialect.is_value_needed
        ):
            others = list(table)
        choices = final if manner is Manner.PLAIN and final else others
        texts.write(rule, self._random.choice(choices or list(table)))
        return table.get(texts.read(rule), ResultStatus.UNKNOWN)

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
        if manner is Manner.ODD and self._random.random() < _MASKED:
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

    def _say_flag(
        self, texts: TwinTexts, value: SaidValue, status: ResultStatus, manner: Manner
    ) -> tuple[AbnormalFlag, ...]:
        rule, none = self.profile.result.flags, self.profile.result.no_flag
        if rule is None:
            return ()
        table = self._dialect.flags if rule.table is None else rule.table
        if status not in _WITHOUT_VALUE:
            others = [] if value.needs_flag else ["", *none]
            is_odd = manner is Manner.ODD and not value.needs_flag
            others += [_OWN_FLAG] if is_odd and _OWN_FLAG not in (*table, *none) else []
            texts.write(rule, self._random.choice([*(one for one in table if one), *others]))
        text = texts.read(rule)
        return (table[text],) if text in table and text not in none else ()

    def _say_time(self, texts: TwinTexts, moment: datetime) -> None:
        rule = self.profile.result.measured_at
        if rule is None:
            return
        aware = moment.replace(tzinfo=ZoneInfo(self.plan.zone))
        form = rule.format or self._dialect.time_format
        words = form
        for token in _TOKENS_IN_WORDS:
            plain = aware.strftime(token)
            said = [word for word, means in self._dialect.time_words.items() if means == plain]
            words = words.replace(token, self._random.choice(said)) if said else words
        text, width = aware.strftime(words), self._dialect.widths.get(rule.paths[0])
        self._plain_times[text[:width]] = aware.strftime(form)[:width]
        texts.write(rule, text[:width])

    def _specimen_said(self, texts: TwinTexts) -> Whose:
        """What is said of the specimen, before the first result."""
        section = self.profile.specimen
        role = texts.role(section.role)
        keys = _SPECIMEN_KEYS if role is SampleRole.PATIENT else (*_SPECIMEN_KEYS, *_CONTROL_KEYS)
        found = [text for rule in section.patient_ids if (text := texts.at(rule.path))]
        return Whose(
            sample_id=texts.read(section.sample_id),
            role=role,
            patient_ids=tuple(dict.fromkeys(found)),
            texts={
                key: texts.read(rule) for key in keys if (rule := getattr(section, key)) is not None
            },
        )

    def _moment_of(self, text: str) -> datetime | None:
        """The instant that a text names: what the format left out was not said."""
        rule = self.profile.result.measured_at
        if rule is None or not text:
            return None
        plain, form = self._plain_times.get(text, text), rule.format or self._dialect.time_format
        if not rule.format and len(plain) <= _DATE_DIGITS:
            return None  # a day is no instant
        local = datetime.strptime(plain, form)  # noqa: DTZ007 - a zone of its own, or that of the analyzer
        if local.tzinfo is None:
            local = local.replace(tzinfo=ZoneInfo(self.plan.zone))
        return local.astimezone(UTC)


def _is_own(twin: Twin, rule: PathRule | None) -> bool:
    """Whether each result says it for itself."""
    beginnings = twin.voice.dialect.of_result
    return any(is_among(path, beginnings) for path in (rule.paths if rule is not None else ()))

"""Reads one observation: the test, the value, and what the analyzer says beside it."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.protocols.poct1a.paths import (
    Chain,
    check_paths,
    locate,
    objects_near,
    parse_path,
    texts_at,
)
from drivers.protocols.poct1a.tables import (
    ABNORMAL_FLAGS,
    METHOD_DEFAULT,
    METHOD_MANUAL,
    METHOD_WORDS,
    REASON_EDITED,
    RESULT_STATUSES,
    SERVICE_NORMAL,
)
from drivers.protocols.poct1a.times import read_moment
from middleware.driver.dilution import read_factor, unread_factor
from middleware.driver.mapping import split_flags, text_reader
from middleware.driver.policy import policy_of
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.values import REASON_NO_TEST, SentValue
from middleware.model import (
    Comment,
    Result,
    ResultStatus,
    ResultValue,
    SourcePointer,
    Specimen,
)
from middleware.wire.poct1a import Element

_QUALITATIVE = "OBS.qualitative_value"
MOST_NOTES = 50
"""Notes of one element that are shown; more are counted."""
REASON_DEFAULT = "a default of the analyzer, not measured"


@dataclass(slots=True)
class Place:
    """What the observations of one service share. `said`: remarks on it; `doubt`: why its role is not known.

    `runs` counts the results of each test and detail of this specimen in this message.
    """

    specimen: Specimen
    said: tuple[Comment, ...]
    doubt: str
    time_zone: str
    runs: dict[tuple[str, str], int]

    def next_run(self, code: str, detail: str) -> int:
        """The number of the next result of a test, from 1."""
        run = self.runs[code, detail] = self.runs.get((code, detail), 0) + 1
        return run


class ResultReader:
    """I make a Result from an observation and the specimen that it belongs to."""

    def __init__(self, profile: Profile) -> None:
        section = profile.result
        _check(section)
        self._policy = policy_of(profile)
        self._value = parse_path(section.value)
        self._texts = {name: text_reader(getattr(section, name), locate) for name in _TEXTS}
        self._lots = (
            [parse_path(path) for path in section.reagent_lot.paths] if section.reagent_lot else []
        )
        self._code_parts = [parse_path(path) for path in section.test_code.paths]
        self._qualitative = locate(_QUALITATIVE)
        self._method, self._reason = locate("OBS.method_cd"), locate("SVC.reason_cd")
        self._service_status = locate("SVC.status_cd")
        flags, status = section.flags, section.status
        self._flags = flags.table if flags and flags.table is not None else ABNORMAL_FLAGS
        self._statuses = status.table if status and status.table is not None else RESULT_STATUSES
        self._no_flag = frozenset(section.no_flag)
        self._time_format = section.measured_at.format if section.measured_at else ""

    def read(self, chain: Chain, place: Place, number: int) -> Result:
        """One result; `number` counts the observations of the message from 1."""
        text = {name: read(chain) for name, read in self._texts.items()}
        method = self._method(chain)
        status = self._status(text["status"], chain)
        flags, own_flags = split_flags([text["flags"]] if text["flags"] else [], self._flags)
        own_flags = tuple(flag for flag in own_flags if flag not in self._no_flag)
        value = self._read_value(chain, text, status, self._doubt(text, place, method))
        return Result(
            specimen=place.specimen,
            test_code=text["test_code"],
            test_name=text["test_name"],
            test_detail=text["test_detail"],
            test_id_raw=self._test_id_raw(chain),
            run=place.next_run(text["test_code"], text["test_detail"]),
            value=value,
            unit=self._policy.shown_unit(text["unit"], value),
            reference_range=text["reference_range"],
            abnormal_flags=flags,
            abnormal_flags_raw=text["flags"],
            instrument_flags=own_flags
            + self._service_flags(chain, method)
            + unread_factor(text["dilution"]),
            status=status,
            status_raw=text["status"],
            measured=read_moment(text["measured_at"], place.time_zone, self._time_format),
            operator=text["operator"],
            module=text["module"],
            reagent_lot=self._lots_of(chain),
            dilution_factor=read_factor(text["dilution"]),
            is_manual=method == METHOD_MANUAL,
            comments=(*place.said, *self._remarks(chain)),
            source=SourcePointer(record=number, name="OBS"),
        )

    # -- value ------------------------------------------------------------------------------------

    def _read_value(
        self, chain: Chain, text: dict[str, str], status: ResultStatus, doubt: str
    ) -> ResultValue:
        """The number or text of OBS.value; where that is empty, the words of OBS.qualitative_value."""
        sent, null = _sent(chain, self._value.object, f"{self._value.object}.{self._value.field}")
        if not sent.strip():
            words = self._qualitative(chain)
            if words:
                flag = text["flags"]
                return self._policy.explain(
                    SentValue(words, words, "", status, flag, _QUALITATIVE, doubt)
                )
            sent = ""
            doubt = doubt or (f"no value (NULL is {null})" if null else "")
        return self._policy.explain(
            SentValue(sent, sent, text["unit"], status, text["flags"], "", doubt)
        )

    @staticmethod
    def _doubt(text: dict[str, str], place: Place, method: str) -> str:
        """Why the value cannot be believed, whatever it is."""
        if not text["test_code"]:
            return REASON_NO_TEST
        return place.doubt or (REASON_DEFAULT if method == METHOD_DEFAULT else "")

    # -- beside the value -------------------------------------------------------------------------

    def _status(self, code: str, chain: Chain) -> ResultStatus:
        status = self._statuses.get(code, ResultStatus.UNKNOWN)
        is_edited = status is ResultStatus.FINAL and self._reason(chain) == REASON_EDITED
        return ResultStatus.CORRECTED if is_edited else status

    def _service_flags(self, chain: Chain, method: str) -> tuple[str, ...]:
        """What the analyzer says of the whole service, and of how it came to the value."""
        status = self._service_status(chain)
        flags = [f"service status {status}"] if status not in ("", SERVICE_NORMAL) else []
        return (*flags, METHOD_WORDS[method]) if method in METHOD_WORDS else tuple(flags)

    def _test_id_raw(self, chain: Chain) -> str:
        """Code, name and coding system as they stand in the first field that has a code."""
        for path in self._code_parts:
            for one in objects_near(chain, path.object):
                parts = [one.get(path.field, attribute) for attribute in ("V", "DN", "SN")]
                if parts[0]:
                    return "^".join(parts).rstrip("^")
        return ""

    def _lots_of(self, chain: Chain) -> str:
        """Several reagents of one test are all named."""
        for path in self._lots:
            lots = texts_at(chain, path)
            if lots:
                return ", ".join(lots)
        return ""

    def _remarks(self, chain: Chain) -> tuple[Comment, ...]:
        """Notes on the observation itself, and a qualitative value that stands beside a number."""
        found = list(notes_on(chain[0]))
        words = self._qualitative(chain)
        sent, _ = _sent(chain, self._value.object, f"{self._value.object}.{self._value.field}")
        if words and sent.strip():
            found.append(Comment(text=f"qualitative value: {words}", kind="qualitative_value"))
        return tuple(found)


def notes_on(element: Element) -> tuple[Comment, ...]:
    """The NTE objects directly below an element: their text, or what stands in them."""
    notes = element.objects("NTE")
    texts = []
    for note in notes[:MOST_NOTES]:
        inner = [child.text for child in note.children if child.name == "NTE.text"]
        texts.append(note.get("text") or " ".join(inner).strip() or note.text)
    if len(notes) > MOST_NOTES:
        texts.append(f"{len(notes) - MOST_NOTES} more notes stand in the raw message")
    return tuple(Comment(text=text) for text in texts if text)


def _sent(chain: Chain, object_name: str, field_name: str) -> tuple[str, str]:
    """The value exactly as sent, and its null flavour."""
    for one in objects_near(chain, object_name):
        for child in one.objects(field_name):
            return child.attributes.get("V", ""), child.attributes.get("NULL", "")
        return one.get(field_name.partition(".")[2]), ""
    return "", ""


_TEXTS = (
    "test_code",
    "test_name",
    "test_detail",
    "unit",
    "reference_range",
    "flags",
    "status",
    "measured_at",
    "operator",
    "module",
    "dilution",
)


def _check(section: ResultSection) -> None:
    check_paths([getattr(section, name) for name in (*_TEXTS, "reagent_lot")])
    check_paths([section.value])

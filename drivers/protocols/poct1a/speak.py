"""Speaks POCT1-A as an analyzer: the texts of a twin as hello, status and observations."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.protocols.poct1a.paths import parse_path
from drivers.protocols.poct1a.tables import ABNORMAL_FLAGS, NOT_A_PATIENTS_MESSAGE, RESULT_STATUSES
from middleware.driver.profile import Profile
from middleware.driver.speak import Dialect, Said, SaidTube, Texts
from middleware.errors import DriverError
from middleware.wire.link import Link
from middleware.wire.poct1a import Poct1aLink, Poct1aOptions, Role
from middleware.wire.poct1a.compose import field, message
from middleware.wire.poct1a.quirks import ATTRIBUTE_STYLE

_CONTROL = ("SVC.role_cd", "LQC")
_ANALYZER, _HEADER = "DEV", "HDR"
_CONTROL_ID, _SENT_AT = "HDR.control_id", "HDR.creation_dttm"
_RESULTS = "OBS.R01"
_AROUND = ("PT", "CTC")  # observations stand inside the patient or the control

DIALECT = Dialect(
    of_message=("DEV.", "HDR."),
    of_result=("OBS.",),
    flags=ABNORMAL_FLAGS,
    statuses=RESULT_STATUSES,
    control=_CONTROL,
    time_format="%Y-%m-%dT%H:%M:%S",
    of_controls=("CTC.",),
)


class Poct1aVoice:
    """The analyzer's side of one POCT1-A driver (`middleware.driver.speak.Voice`)."""

    dialect = DIALECT

    def __init__(self, profile: Profile) -> None:
        self._quirks = profile.link.quirks

    @property
    def untold(self) -> tuple[str, ...]:
        """Quirks that it does not show."""
        return tuple(f"the quirk {name}" for name in self._quirks if name != ATTRIBUTE_STYLE)

    def compose(self, said: Said, encoding: str) -> bytes:
        """OBS.R01, or OBS.R02 of controls; a file begins with the hello."""
        if said.query is not None:
            raise DriverError("POCT1-A asks nothing", what_to_do='Write roles = ["results"].')
        controls = {tube.shared.get(_CONTROL[0]) == _CONTROL[1] for tube in said.tubes}
        root = NOT_A_PATIENTS_MESSAGE if controls == {True} else _RESULTS
        body = "".join([_service(tube) for tube in said.tubes])
        number, moment = said.header.get(_CONTROL_ID, ""), said.header.get(_SENT_AT, said.moment)
        text = message(root, number or str(said.number), moment, body)
        if ATTRIBUTE_STYLE in self._quirks and said.number % 2:
            text = _with_attributes(text, number or str(said.number), moment)
        return b"".join(self.greeting(said, encoding)[:1]) + text if said.is_file else text

    def greeting(self, said: Said, encoding: str) -> tuple[bytes, ...]:
        """HEL.R01, which says whose analyzer it is, and DST.R01, which says that there are results."""
        analyzer = "".join(_fields(said.header, _ANALYZER))
        timeout = field("DCP.application_timeout", "60")
        hello = f"<DEV>{analyzer}</DEV><DCP>{timeout}</DCP>"
        waiting = field("DST.status_dttm", said.moment) + field("DST.new_observations_qty", "1")
        return (
            message("HEL.R01", f"H{said.number}", said.moment, hello),
            message("DST.R01", f"S{said.number}", said.moment, f"<DST>{waiting}</DST>"),
        )

    def is_taken(self, reply: bytes) -> bool:
        """Always: what the host refused is reported as not delivered."""
        return True

    def make_link(self) -> Link:
        """A link in the INSTRUMENT role."""
        return Poct1aLink(Poct1aOptions(role=Role.INSTRUMENT))


def _service(tube: SaidTube) -> str:
    """SVC with its own fields, the observations inside patient or control, and what stands beside them."""
    shared = {"SVC.role_cd": "OBS", **tube.shared}
    results = "".join([f"<OBS>{''.join(_fields(texts, 'OBS'))}</OBS>" for texts in tube.results])
    names = dict.fromkeys(path.partition(".")[0] for path in shared)
    around = next((name for name in _AROUND if name in names), "")
    parts = [
        f"<{name}>{''.join(_fields(shared, name))}{results if name == around else ''}</{name}>"
        for name in sorted(names, key=lambda one: one not in _AROUND)
        if name != "SVC"
    ]
    inside = "".join(parts) + ("" if around else results)
    return f"<SVC>{''.join(_fields(shared, 'SVC'))}{inside}</SVC>"


def _fields(texts: Texts, name: str) -> Iterable[str]:
    """The fields of one object: value and other attributes."""
    fields: dict[str, dict[str, str]] = {}
    for path_text, text in texts.items():
        path = parse_path(path_text)
        if path.object == name:
            fields.setdefault(f"{name}.{path.field}", {})[path.attribute] = text
    for full_name, attributes in fields.items():
        yield field(full_name, attributes.pop("V", ""), **attributes)


def _with_attributes(text: bytes, control_id: str, moment: str) -> bytes:
    """The same message with the header's fields as attributes."""
    before, _, rest = text.partition(b"<HDR>")
    after = rest.partition(b"</HDR>")[2]
    header = f'<HDR control_id="{control_id}" version_id="POCT1" creation_dttm="{moment}"/>'
    return before + header.encode() + after

"""What an emulated point-of-care analyzer says in POCT1-A: hello, status, observations, end of topic."""

from __future__ import annotations

from emulators.specimens import EmulatedSpecimen
from middleware.wire.poct1a.compose import field, message

_ROOT = {False: "OBS.R01", True: "OBS.R02"}


def hello(name: str, control_id: str, moment: str) -> bytes:
    """HEL.R01: who speaks."""
    analyzer = field("DEV.device_id", name) + field("DEV.vendor_id", "EMULATED")
    analyzer += field("DEV.serial_id", f"SN-{name}") + field("DEV.device_name", name)
    analyzer += f"<DCP>{field('DCP.application_timeout', '60')}</DCP>"
    analyzer += f"<DSC>{field('DSC.connection_profile_cd', 'SA')}</DSC>"
    return message("HEL.R01", control_id, moment, f"<DEV>{analyzer}</DEV>")


def status(waiting: int, control_id: str, moment: str) -> bytes:
    """DST.R01: so many new observations wait."""
    said = field("DST.status_dttm", moment) + field("DST.new_observations_qty", str(waiting))
    said += field("DST.new_events_qty", "0") + field("DST.condition_cd", "R")
    return message("DST.R01", control_id, moment, f"<DST>{said}</DST>")


def observations(specimen: EmulatedSpecimen, measured: str, control_id: str, moment: str) -> bytes:
    """OBS.R01 with every result of a specimen; OBS.R02 for control material."""
    results = "".join(
        "<OBS>"
        + field("OBS.observation_id", one.test.code, DN=one.test.name, SN="L")
        + field("OBS.value", one.value, U=one.test.unit)
        + field("OBS.method_cd", "M")
        + field("OBS.status_cd", "A")
        + field("OBS.interpretation_cd", one.flag)
        + field("OBS.normal_lo-hi_limit", f"[{one.test.low:g};{one.test.high:g}]", U=one.test.unit)
        + "</OBS>"
        for one in specimen.results
    )
    root = _ROOT[specimen.is_control]
    head = field("SVC.role_cd", "LQC" if specimen.is_control else "OBS")
    head += field("SVC.observation_dttm", measured) + field("SVC.status_cd", "NRM")
    head += field("SVC.reason_cd", "NEW")
    body = f"{head}{_material(specimen, results)}<OPR>{field('OPR.operator_id', 'OP1')}</OPR>"
    return message(root, control_id, moment, f"<SVC>{body}</SVC>")


def _material(specimen: EmulatedSpecimen, results: str) -> str:
    """The patient and the order, or the control, around the results."""
    if specimen.is_control:
        control = field("CTC.name", "CONTROL") + field("CTC.lot_number", specimen.sample_id)
        return f"<CTC>{control}{field('CTC.level_cd', '1')}{results}</CTC>"
    patient = field("PT.patient_id", specimen.patient_id) + field("PT.name", specimen.patient_name)
    patient += field("PT.birth_date", specimen.birth_date) + field("PT.gender_cd", specimen.sex)
    return f"<PT>{patient}{results}</PT><ORD>{field('ORD.order_id', specimen.sample_id)}</ORD>"


def end_of_topic(control_id: str, moment: str) -> bytes:
    """EOT.R01: all observations were sent."""
    topic = field("EOT.topic_cd", "OBS") + field("EOT.update_dttm", moment)
    return message("EOT.R01", control_id, moment, f"<EOT>{topic}</EOT>")

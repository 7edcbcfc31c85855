"""POCT1-A messages as an analyzer writes them, made by hand: no code of the product in them."""

from __future__ import annotations


def header(root: str, control_id: int | str) -> str:
    return f'<HDR><HDR.message_type V="{root}"/><HDR.control_id V="{control_id}"/></HDR>'


def text(root: str, control_id: int | str, body: str = "") -> bytes:
    return f"<{root}>{header(root, control_id)}{body}</{root}>".encode()


def hello(control_id: int = 1, timeout: str = "60") -> bytes:
    dcp = f'<DCP><DCP.application_timeout V="{timeout}"/></DCP>'
    return text("HEL.R01", control_id, f'<DEV><DEV.device_id V="D1"/>{dcp}</DEV>')


def status(control_id: int = 2, observations: str = "1", events: str = "0") -> bytes:
    said = f'<DST.new_observations_qty V="{observations}"/><DST.new_events_qty V="{events}"/>'
    return text("DST.R01", control_id, f"<DST>{said}</DST>")


def acknowledgement(control_id: int, of: int | str, code: str = "AA") -> bytes:
    said = f'<ACK.type_cd V="{code}"/><ACK.ack_control_id V="{of}"/>'
    return text("ACK.R01", control_id, f"<ACK>{said}</ACK>")


def observation(
    control_id: int = 3, value: str = "5.4", root: str = "OBS.R01", order: str = "S-1"
) -> bytes:
    result = f'<OBS><OBS.observation_id V="GLU"/><OBS.value V="{value}" U="mmol/L"/></OBS>'
    service = f'<SVC.role_cd V="OBS"/><PT><PT.patient_id V="P1"/>{result}</PT>'
    service += f'<ORD><ORD.order_id V="{order}"/></ORD>' if order else ""
    return text(root, control_id, f"<SVC>{service}</SVC>")


def end_of_topic(control_id: int) -> bytes:
    return text("EOT.R01", control_id, '<EOT><EOT.topic_cd V="OBS"/></EOT>')

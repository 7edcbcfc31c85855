"""Everything that can be wrong, as a table: code, title, severity, words, and what a person should do about it.

Whoever raises a warning may say more exactly what is wrong; what to do stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon a person should look."""

    HIGH = "high"  # results wait or analyzers are refused: now
    MEDIUM = "medium"  # will become HIGH by itself: today
    LOW = "low"  # good to know


class WarnableCode(StrEnum):
    """The codes; stable, they are what runbooks and alerts name."""

    STORE_NOT_WRITABLE = "store-not-writable"
    DISK_LOW = "disk-low"
    LIS_UNREACHABLE = "lis-unreachable"
    LIS_REFUSES = "lis-refuses"
    LANE_PAUSED = "lane-paused"
    BACKLOG_GROWING = "backlog-growing"
    LINE_DOWN = "line-down"
    LINE_DRIVER_FAULT = "line-driver-fault"
    UNREADABLE_MESSAGES = "unreadable-messages"
    UNMAPPED_CODES = "unmapped-codes"
    PATIENTS_CHANGED = "patients-changed"
    RELEASE_STOPPED = "release-stopped"
    CALLS_OPEN = "calls-open"
    RULES_OVERRIDDEN = "rules-overridden"
    QC_HOLDS = "qc-holds"
    QC_OVERDUE = "qc-overdue"
    QC_UNKNOWN = "qc-unknown"
    QC_LOOK_BACK = "qc-look-back"
    QC_PATIENTS = "qc-patients"
    PEER_REFUSED = "peer-refused"
    TLS_REFUSED = "tls-refused"
    TLS_FILES_BAD = "tls-files-bad"
    CERTIFICATE_EXPIRING = "certificate-expiring"
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon"
    CERTIFICATE_AT_ITS_END = "certificate-at-its-end"
    ORDERS_REFUSED = "orders-refused"
    FILES_SET_ASIDE = "files-set-aside"
    FILE_REPEATED = "file-repeated"
    FILE_NOT_MOVED = "file-not-moved"
    DRIVER_BROKEN = "driver-broken"
    CLOCK_STEPPED = "clock-stepped"
    WRONG_ANALYZER = "wrong-analyzer"
    WORK_REFUSED = "work-refused"
    WORK_NOT_TAKEN = "work-not-taken"
    LINE_SILENT = "line-silent"
    ANALYZER_CLOCK = "analyzer-clock"
    LINE_FLAPPING = "line-flapping"
    CAPTURE_ON = "capture-on"
    CAPTURE_FAILED = "capture-failed"


@dataclass(frozen=True, slots=True)
class Warnable:
    """Something that can be wrong. `text` is the general sentence; the one who raises it may say it
    more exactly.
    """

    code: WarnableCode
    title: str
    severity: Severity
    text: str
    what_to_do: str
    depends_on: tuple[WarnableCode, ...] = ()
    time_to_visible_s: float = 0.0


_RENEW = (
    "Write the new certificate and key over the old files; no restart is needed. "
    "If the key changes, add its pin at the peer first."
)

_ROWS = (
    Warnable(
        WarnableCode.STORE_NOT_WRITABLE,
        "The store cannot be written",
        Severity.HIGH,
        "Nothing can be committed, so analyzers are refused and keep their results.",
        "Free space on the disk of the data directory, or bring the database back; "
        "Labwire goes on by itself.",
    ),
    Warnable(
        WarnableCode.DISK_LOW,
        "The disk is nearly full",
        Severity.HIGH,
        "When the disk is full, analyzers are refused and keep their results.",
        "Free space on the disk of the data directory.",
    ),
    Warnable(
        WarnableCode.LIS_UNREACHABLE,
        "The LIS does not answer",
        Severity.HIGH,
        "Results are stored and wait; they are sent when it answers again.",
        "Ask the LIS's people whether it runs, and check host, port and firewall of the connector.",
        depends_on=(WarnableCode.STORE_NOT_WRITABLE,),
        time_to_visible_s=20.0,
    ),
    Warnable(
        WarnableCode.LIS_REFUSES,
        "The LIS refused messages",
        Severity.MEDIUM,
        "Refused messages are set aside with the LIS's words; the others went on.",
        "Look at `labwire outbox list --state refused`, mend the cause, "
        "then `labwire outbox resend`.",
        depends_on=(WarnableCode.LANE_PAUSED,),
    ),
    Warnable(
        WarnableCode.LANE_PAUSED,
        "Delivery is paused after ten refusals in a row",
        Severity.HIGH,
        "The LIS refused messages of many specimens, so the cause is not one result.",
        "Find the cause with the LIS's people; then `labwire outbox resend` the refused messages.",
    ),
    Warnable(
        WarnableCode.BACKLOG_GROWING,
        "Results wait longer than they should",
        Severity.MEDIUM,
        "The oldest waiting message is older than the connector's `alert_after_s`.",
        "See `labwire status`: the LIS is slow, or more results arrive than it takes.",
        depends_on=(
            WarnableCode.LIS_UNREACHABLE,
            WarnableCode.LANE_PAUSED,
            WarnableCode.STORE_NOT_WRITABLE,
        ),
        time_to_visible_s=60.0,
    ),
    Warnable(
        WarnableCode.LINE_DOWN,
        "A line has no connection",
        Severity.MEDIUM,
        "The analyzer is not connected; it keeps its results until it is.",
        "Check that the analyzer is on, its cable, and host and port of the line.",
        time_to_visible_s=60.0,
    ),
    Warnable(
        WarnableCode.LINE_DRIVER_FAULT,
        "A line was stopped by a fault of its driver",
        Severity.HIGH,
        "The driver failed again and again; the line's analyzer is refused.",
        "Report the fault with the log; `labwire check` names the driver.",
    ),
    Warnable(
        WarnableCode.UNREADABLE_MESSAGES,
        "Messages could not be read",
        Severity.MEDIUM,
        "Accepted messages that the driver could not decode are kept and wait for a person.",
        "Look at `labwire messages list --state unreadable`, mend the profile, "
        "then `labwire messages replay`.",
    ),
    Warnable(
        WarnableCode.UNMAPPED_CODES,
        "Test codes have no row in the table of codes",
        Severity.MEDIUM,
        "Results are held because nothing says under which code the LIS gets them.",
        "Look at `labwire codes unmapped`, add rows to the table, start the node anew, "
        "then `labwire codes release`.",
    ),
    Warnable(
        WarnableCode.PATIENTS_CHANGED,
        "The patient or the label of tubes changed after results of them came",
        Severity.MEDIUM,
        "What was not delivered is held again; what the LIS has was not changed.",
        "Look at `labwire patients changes`: release or reject what is held, look at the rest in the "
        "LIS, then `labwire patients seen`.",
    ),
    Warnable(
        WarnableCode.RELEASE_STOPPED,
        "Automatic release is stopped",
        Severity.MEDIUM,
        "Somebody stopped it: results wait for a person.",
        "`labwire stop-release --list` says who and why; when the cause is gone, "
        "`labwire resume-release`.",
    ),
    Warnable(
        WarnableCode.RULES_OVERRIDDEN,
        "The rules in force have no passed report",
        Severity.HIGH,
        "Somebody let them come into force without: nobody knows whether they do what is written.",
        "Run `labwire rules report`, correct what it finds, and start the node again.",
    ),
    Warnable(
        WarnableCode.QC_HOLDS,
        "Quality control holds results",
        Severity.HIGH,
        "It failed, or there was no accepted run yet.",
        "Look at `labwire qc list`; mend the cause, document it with `labwire qc clear`, and measure the controls.",
    ),
    Warnable(
        WarnableCode.QC_OVERDUE,
        "Quality control is overdue",
        Severity.MEDIUM,
        "Results of these tests are held until the controls are measured.",
        "Measure the controls that `labwire qc overdue` names.",
    ),
    Warnable(
        WarnableCode.QC_UNKNOWN,
        "Control values that nobody declared",
        Severity.MEDIUM,
        "They were kept, and judged nothing: their lot, level or test is not in the file of `[qc]`.",
        "Look at `labwire qc list --unknown`; add the lot to the file, or correct its name at the analyzer.",
    ),
    Warnable(
        WarnableCode.QC_LOOK_BACK,
        "Released results must be looked at again",
        Severity.HIGH,
        "Quality control failed after they went out.",
        "Look at `labwire qc lookback`: measure again, correct or withdraw, then `labwire qc lookback --seen`.",
    ),
    Warnable(
        WarnableCode.QC_PATIENTS,
        "Patients' results have shifted",
        Severity.MEDIUM,
        "A statistic over patients' results is out of its limits.",
        "Look at `labwire qc patients list`, measure controls, then `labwire qc patients clear`.",
    ),
    Warnable(
        WarnableCode.CALLS_OPEN,
        "Critical results are not called yet",
        Severity.HIGH,
        "Somebody must be told of them now.",
        "Look at `labwire calls list`, call, then `labwire calls done`.",
    ),
    Warnable(
        WarnableCode.PEER_REFUSED,
        "A connection from an unknown address was refused",
        Severity.LOW,
        "The address is not in the line's `peers`.",
        "If it is the analyzer, add its address to `peers`; if not, find out who it is.",
    ),
    Warnable(
        WarnableCode.ORDERS_REFUSED,
        "Orders were refused that the LIS cannot be told of",
        Severity.MEDIUM,
        "They came on a way that has no answer for orders, so the LIS counts on results.",
        "Look at `labwire messages list` for the line `<connector>/orders` and "
        "`labwire messages show` for the reasons; mend the cause and order again.",
    ),
    Warnable(
        WarnableCode.FILES_SET_ASIDE,
        "Files of a line could not be taken",
        Severity.MEDIUM,
        "They lie in the folder `failed`; nothing of them is stored.",
        "Read the .err file beside each; put a mended file back into the line's folder, and remove "
        "what is settled, with its .err file, from `failed`.",
    ),
    Warnable(
        WarnableCode.FILE_REPEATED,
        "A file came again",
        Severity.LOW,
        "Its content is stored already, so it was moved to `processed` and not stored twice.",
        "If the analyzer sent it again, nothing. To process the message once more: "
        "`labwire messages replay`.",
    ),
    Warnable(
        WarnableCode.FILE_NOT_MOVED,
        "A file cannot be moved out of a line's folder",
        Severity.MEDIUM,
        "It is dealt with, and stays where it is; the files after it come in slowly.",
        "Give the node's user the right to move files in that folder, and close programs that hold "
        "the file open.",
    ),
    Warnable(
        WarnableCode.TLS_REFUSED,
        "A connection was refused by TLS",
        Severity.MEDIUM,
        "One end did not prove who it is, or does not speak TLS.",
        "The text says which check refused it: compare certificate, `peers`, `pins` and names "
        "of both ends.",
    ),
    Warnable(
        WarnableCode.TLS_FILES_BAD,
        "Certificate files cannot be used",
        Severity.MEDIUM,
        "Files that worked before stay in force until the node is restarted.",
        "`labwire check` names the file and what is wrong with it.",
    ),
    Warnable(
        WarnableCode.CERTIFICATE_EXPIRING,
        "A certificate expires within 60 days",
        Severity.LOW,
        "When it has expired, no peer accepts a connection.",
        _RENEW,
    ),
    Warnable(
        WarnableCode.CERTIFICATE_EXPIRES_SOON,
        "A certificate expires within 30 days",
        Severity.MEDIUM,
        "When it has expired, no peer accepts a connection.",
        _RENEW,
    ),
    Warnable(
        WarnableCode.CERTIFICATE_AT_ITS_END,
        "A certificate expires within 7 days, or has expired",
        Severity.HIGH,
        "When it has expired, no peer accepts a connection.",
        _RENEW,
    ),
    Warnable(
        WarnableCode.WRONG_ANALYZER,
        "Another analyzer speaks on a line",
        Severity.HIGH,
        "Its messages are refused, so it keeps its results; what it sent is kept for evidence.",
        "Find out which cable or address was changed. If the analyzer was replaced on purpose, "
        "correct the line's `driver` or `serial_number`; "
        "see `labwire messages list --state refused`.",
    ),
    Warnable(
        WarnableCode.WORK_REFUSED,
        "An analyzer refused ordered tests",
        Severity.MEDIUM,
        "No analyzer does these tests until a person decides.",
        "Look at `labwire orders list --state refused` for the reasons; mend them at the analyzer and order again, or "
        "cancel the tests.",
    ),
    Warnable(
        WarnableCode.WORK_NOT_TAKEN,
        "Work could not be sent to an analyzer",
        Severity.MEDIUM,
        "It stays open and is sent again by itself, later each time, or as soon as the analyzer connects.",
        "Check that the analyzer is on and takes orders from the host; `labwire orders why` names a reason.",
        depends_on=(WarnableCode.LINE_DOWN, WarnableCode.STORE_NOT_WRITABLE),
        time_to_visible_s=60.0,
    ),
    Warnable(
        WarnableCode.LINE_SILENT,
        "A line is silent for longer than usual",
        Severity.MEDIUM,
        "No message has come for much longer than is usual at this hour.",
        "Look at the analyzer: is it measuring, and does its screen say that results wait? "
        "If it is meant to be silent, nothing; `silent_after_s` of the line sets a fixed time.",
        depends_on=(
            WarnableCode.LINE_DOWN,
            WarnableCode.STORE_NOT_WRITABLE,
            WarnableCode.DISK_LOW,
            WarnableCode.WRONG_ANALYZER,
        ),
    ),
    Warnable(
        WarnableCode.ANALYZER_CLOCK,
        "The clock of an analyzer is wrong",
        Severity.MEDIUM,
        "The times of its results are wrong by as much.",
        "Set the analyzer's clock, or correct the line's `time_zone`; "
        "`clock_tolerance_s` says how much is tolerated.",
    ),
    Warnable(
        WarnableCode.LINE_FLAPPING,
        "Connections of a line come and go",
        Severity.MEDIUM,
        "Many connections ended without a message, so only one a second is accepted.",
        "Look for a loose cable, two analyzers with one address, a scanner on the network, or a "
        "program that only tests the port; `peers` of the line says who may connect.",
        depends_on=(
            WarnableCode.STORE_NOT_WRITABLE,
            WarnableCode.DISK_LOW,
        ),  # who is refused comes again
    ),
    Warnable(
        WarnableCode.DRIVER_BROKEN,
        "A driver could not be loaded",
        Severity.MEDIUM,
        "Lines with that driver cannot run; all others can.",
        "See `labwire drivers list` for the reason, and repair or remove its package.",
    ),
    Warnable(
        WarnableCode.CLOCK_STEPPED,
        "The clock of the machine was stepped",
        Severity.LOW,
        "Times of messages before and after cannot be compared; order does not depend on them.",
        "Check the time synchronisation of the machine.",
    ),
    Warnable(
        WarnableCode.CAPTURE_ON,
        "A line is being captured",
        Severity.LOW,
        "What passes over the line is written to files, with patient data.",
        "End it with `labwire capture stop` as soon as it has served.",
    ),
    Warnable(
        WarnableCode.CAPTURE_FAILED,
        "A capture could not be written",
        Severity.LOW,
        "The capture ended; the line is not touched.",
        "Check the disk and the rights of the data folder, then start the capture again.",
    ),
)

WARNABLES: Mapping[WarnableCode, Warnable] = {row.code: row for row in _ROWS}

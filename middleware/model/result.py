"""One measured value of one test on one specimen, and what an analyzer says beside it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from middleware.model.codes import AbnormalFlag, ResultStatus
from middleware.model.specimen import Specimen
from middleware.model.value import Frozen, ResultValue


class Comment(Frozen):
    """A comment or instrument flag attached to a result or specimen. `source` as LIS02-A2 C-3, `kind` as C-5."""

    text: str
    source: str = ""
    kind: str = ""


class SourcePointer(Frozen):
    """Where in the raw message something came from: record number (1-based) and record letter or segment name."""

    record: int
    name: str


class MeasuredTime(Frozen):
    """When it was measured: `text` as sent, `at` in UTC when it could be read, `mark` why not (or why in doubt).

    `mark` is empty, `absent`, `unreadable`, `ambiguous` (daylight saving) or `implausible`.
    """

    text: str = ""
    at: datetime | None = None
    mark: str = ""


class Isolate(Frozen):
    """What grew: the isolate that a result belongs to, told by identifier and never by order.

    `number` tells the isolates of one specimen apart. `organism` is its name as identified, `test_code` the analyzer's
    code of the identification. `doubt` says why it is not certain which organism it is (empty: nothing does).
    """

    number: str
    organism: str = ""
    test_code: str = ""
    doubt: str = ""


class Result(Frozen):
    """One result. Fields that the analyzer did not send are empty, never invented.

    `test_code` is the analyzer's code, `test_detail` the rest of its universal test id (aspect, dilution, replicate)
    that keeps several kinds of the same test apart, `test_id_raw` the whole field. `run` numbers repeated results of
    the same test and detail on one specimen in one message, from 1. `unit` is as sent. `isolate` is that of a culture,
    `parent` the result that this one follows from (of a susceptibility: the identification), `result_group` the panel.
    """

    specimen: Specimen
    test_code: str
    test_name: str = ""
    test_detail: str = ""
    test_id_raw: str = ""
    run: int = 1
    value: ResultValue
    unit: str = ""
    unit_ucum: str = ""
    reference_range: str = ""
    abnormal_flags: tuple[AbnormalFlag, ...] = ()
    abnormal_flags_raw: str = ""
    instrument_flags: tuple[str, ...] = ()
    status: ResultStatus = ResultStatus.FINAL
    status_raw: str = ""
    measured: MeasuredTime = MeasuredTime()
    operator: str = ""
    module: str = ""
    reagent_lot: str = ""
    dilution_factor: Decimal | None = None
    is_manual: bool = False
    comments: tuple[Comment, ...] = ()
    source: SourcePointer
    isolate: Isolate | None = None
    parent: SourcePointer | None = None
    result_group: str = ""


class HostQuery(Frozen):
    """An analyzer asks for the orders of specimens. `sample_ids` may be several; empty with `is_for_all`, with `ranges`
    (first and last sample id of each), and where only `carrier` and `position` name the tube. Without `is_for_work` it
    asks for results or for people's data, which no analyzer is given.
    """

    sample_ids: tuple[str, ...]
    is_for_all: bool = False
    is_cancel: bool = False
    ranges: tuple[tuple[str, str], ...] = ()
    carrier: str = ""
    position: str = ""
    is_for_work: bool = True
    source: SourcePointer


class AnalyzerStatus(Frozen):
    """Something an analyzer says of itself or of its reagents; kept raw."""

    text: str
    source: SourcePointer

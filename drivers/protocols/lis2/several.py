"""Reads a whole file: every message in it by the same rules as one that came over a connection, as one Envelope."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from drivers.protocols.lis2.decode import MessageReader
from middleware.driver.api import DecodeContext
from middleware.errors import DriverError
from middleware.model import Envelope, Fault
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis2 import Message
from middleware.wire.lis2.file_text import split_file

ANALYZERS_DIFFER = "analyzers_differ"


class FileReader:
    """I read files of messages by one profile."""

    def __init__(
        self,
        reader: MessageReader,
        parse: Callable[[bytes, DecodeContext], Message],
        quirks: frozenset[str],
    ) -> None:
        """`parse` reads one message and refuses what the profile does not name; `quirks` are the profile's."""
        self._reader = reader
        self._parse = parse
        self._quirks = quirks

    def read(self, text: bytes, context: DecodeContext) -> Envelope:
        """All messages of the file. Raises DriverError when any of them cannot be read: then nothing of it is used."""
        try:
            file = split_file(text, self._quirks)
        except RemoteProtocolError as error:
            raise DriverError(
                f"{error} ({error.clause})",
                what_to_do="Look at the file; the driver does not fit it, or it is not whole.",
            ) from error
        envelopes: list[Envelope] = []
        records = 0
        for number, one in enumerate(file.messages, start=1):
            try:
                envelope, count = self._read_one(one, context, records)
            except DriverError as error:
                raise _in_file(error, number, len(file.messages), records) from error
            envelopes.append(envelope)
            records += count
        return _joined(envelopes, file.quirks)

    def _read_one(self, text: bytes, context: DecodeContext, before: int) -> tuple[Envelope, int]:
        message = self._parse(text, context)
        count = len(message.records)
        if before:  # the numbers of records go on through the file
            for record in message.records:
                record.index += before
            message.faults = [
                dataclasses.replace(fault, record=fault.record + before) if fault.record else fault
                for fault in message.faults
            ]
        envelope = self._reader.read(message, context)
        message.cut()
        return envelope, count


def _in_file(error: DriverError, number: int, of: int, before: int) -> DriverError:
    if of == 1:
        return error
    return DriverError(
        f"message {number} of {of} in the file: {error}",
        what_to_do=error.what_to_do,
        record=max(error.record, before + 1),
        field=error.field,
    )


def _joined(envelopes: Sequence[Envelope], quirks: tuple[str, ...]) -> Envelope:
    """One Envelope of all. The first says who the analyzer is; another name in the file is a fault that is shown."""
    first = envelopes[0]
    names = {envelope.analyzer for envelope in envelopes}
    differ: tuple[Fault, ...] = ()
    if len(names) > 1:
        text = f"the file holds messages of {len(names)} analyzers; the first is shown for all"
        differ = (Fault(code=ANALYZERS_DIFFER, text=text),)
    used = dict.fromkeys([*quirks, *[name for one in envelopes for name in one.quirks]])
    if len(envelopes) == 1 and not quirks:
        return first
    return first.model_copy(
        update={
            "results": tuple([result for one in envelopes for result in one.results]),
            "queries": tuple([query for one in envelopes for query in one.queries]),
            "statuses": tuple([status for one in envelopes for status in one.statuses]),
            "unread": tuple([unread for one in envelopes for unread in one.unread]),
            "faults": (*differ, *[fault for one in envelopes for fault in one.faults]),
            "quirks": tuple(used),
        }
    )

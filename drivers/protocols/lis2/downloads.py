"""Writes work that the analyzer did not ask for, and what became of work that it has (LIS02-A2 8.4.12, 8.4.26)."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.protocols.lis2.orders import OrderGroup, OrderingLis2Driver, record_of, text_bytes
from middleware.driver.api import AnswerContext, EncodedAnswer
from middleware.driver.order_section import DownloadSection, MessagesAs, OrderSection
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import SpecimenWork, ToTell
from middleware.wire.lis2 import Message, Path, parse_message
from middleware.wire.lis2.build import build_record

MOST_AT_ONCE = 10
"""Tubes in one message: a rack; while it is sent the analyzer cannot send results."""

_ACTION, _REPORT = 12, 26
# Nobody asked: the delimiters and the version are the standard's.
_NOBODY_ASKED = b"H|\\^&||||||||||P|LIS2-A2\rL|1|N\r"


class DownloadingLis2Driver(OrderingLis2Driver):
    """The driver of an analyzer that also takes orders unasked (`middleware.driver.api.DownloadingDriver`)."""

    def __init__(self, profile: Profile, section: OrderSection, words: DownloadSection) -> None:
        super().__init__(profile, section)
        self._words = words

    @property
    def specimens_at_once(self) -> int:
        """One where the profile wants a message for each, else a rack."""
        return 1 if self._section.messages is MessagesAs.EACH else MOST_AT_ONCE

    def download(self, work: Sequence[SpecimenWork], context: AnswerContext) -> EncodedAnswer:
        """H, then P and O for each specimen, and L (`middleware.driver.api.DownloadingDriver`)."""
        actions = [self._words.add if one.is_known else self._words.new for one in work]
        return self.unasked(list(zip(work, actions, strict=True)), context)

    def unasked(
        self, work: Sequence[tuple[SpecimenWork, str]], context: AnswerContext
    ) -> EncodedAnswer:
        """One message with each specimen's steps under its action code."""
        writable = [(self._order_texts.writable(one), action) for one, action in work]
        work = [(one, action) for one, action in writable if one.steps]
        if not work:
            raise DriverError(
                "nothing of the work can be written",
                what_to_do="A dilution needs a place in `[order.fields]`; order it at the analyzer.",
            )
        nobody = parse_message(_NOBODY_ASKED, context.encoding)
        records = [self._header(nobody, context)]
        for number, (one, action) in enumerate(work, start=1):
            records += self._order_records(one, action, (number, nobody), context)
        records.append(build_record("L", {2: "1", 3: self._words.terminator}, nobody.delimiters))
        steps = tuple([step.id for one, _ in work for step in one.steps])
        return EncodedAnswer(text_bytes(records, context.encoding), steps)

    # -- inside -----------------------------------------------------------------------------------

    def _order_records(
        self, work: SpecimenWork, action: str, at: tuple[int, Message], context: AnswerContext
    ) -> list[str]:
        number, message = at
        marks, group = message.delimiters, OrderGroup(work, None)
        portions = self._order_texts.portions(work.steps)
        records = [record_of("P", number, self._texts("P", group, work.steps, context), marks)]
        for row, portion in enumerate(portions, start=1):
            texts = self._texts("O", group, portion, context)
            records.append(record_of("O", row, self._as_download(texts, action), marks))
        return records

    def _as_download(self, texts: dict[Path, str], action: str) -> dict[Path, str]:
        """The action code always; the report type where the profile writes one in answers."""
        has_report = any(path.field == _REPORT for path in texts)
        said = {path: text for path, text in texts.items() if path.field not in (_ACTION, _REPORT)}
        said[Path.parse(f"O-{_ACTION}")] = action
        if has_report:
            said[Path.parse(f"O-{_REPORT}")] = self._words.report
        return said


class TellingLis2Driver(DownloadingLis2Driver):
    """And of one that can be told what became of work that it has (`middleware.driver.api.TellingDriver`)."""

    @property
    def tellable(self) -> frozenset[ToTell]:
        """What the profile has an action code for."""
        codes = {ToTell.CANCEL: self._words.cancel, ToTell.CHANGE: self._words.change}
        return frozenset([what for what, code in codes.items() if code])

    def tell(
        self, work: SpecimenWork, what: ToTell, context: AnswerContext
    ) -> EncodedAnswer | None:
        """The order records again with the action code of `what`; None where the profile has none."""
        action = self._words.cancel if what is ToTell.CANCEL else self._words.change
        return self.unasked([(work, action)], context) if action else None

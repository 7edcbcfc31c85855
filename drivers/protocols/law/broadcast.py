"""Work that a LAW analyzer did not ask for, and cancellations of what it has (LAB-28, IHE PaLM TF-2b 3.28.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.protocols.law.driver import LawDriver
from drivers.protocols.law.encode import encode_orders
from drivers.protocols.law.given import container_of, writable
from drivers.protocols.law.work import OrderHeader, StepAction
from middleware.driver.api import AnswerContext, EncodedAnswer
from middleware.errors import DriverError
from middleware.model import SpecimenWork, ToTell


class BroadcastingLawDriver(LawDriver):
    """The driver of a LAW analyzer that also takes orders unasked (`middleware.driver.api.DownloadingDriver`)."""

    @property
    def specimens_at_once(self) -> int:
        """One: so that a message that is refused keeps nothing else from the analyzer."""
        return 1

    def download(self, work: Sequence[SpecimenWork], context: AnswerContext) -> EncodedAnswer:
        """OML^O33 with NW for each step (`middleware.driver.api.DownloadingDriver`)."""
        if len(work) != 1:
            raise DriverError(
                f"{len(work)} specimens in one message", what_to_do="Send one specimen with work."
            )
        mine = writable(work[0])
        if not mine.steps:
            raise DriverError(
                "nothing of the work can be written",
                what_to_do="LAW takes whole dilution factors; order it at the analyzer.",
            )
        return self.written(mine, StepAction.NEW, context)

    def written(
        self, work: SpecimenWork, action: StepAction, context: AnswerContext
    ) -> EncodedAnswer:
        """OML^O33 with `action` for each step of one specimen."""
        header = OrderHeader(
            control_id=context.control_id,
            ordered_at=context.now,
            time_zone=context.time_zone,
            accept_acknowledgement=self.section.accept_acknowledgement,
        )
        container = container_of(work, (work.carrier, work.position), context, action)
        text = encode_orders([container], header)
        return EncodedAnswer(text, tuple([step.id for step in work.steps]))


class CancellingLawDriver(BroadcastingLawDriver):
    """And of one that can be told of a cancel (`middleware.driver.api.TellingDriver`)."""

    @property
    def tellable(self) -> frozenset[ToTell]:
        """A cancel; LAW has no word for a change."""
        return frozenset({ToTell.CANCEL})

    def tell(
        self, work: SpecimenWork, what: ToTell, context: AnswerContext
    ) -> EncodedAnswer | None:
        """OML^O33 with CA for each step; LAW has no word for a change."""
        if what is not ToTell.CANCEL:
            return None
        nobody = work.model_copy(update={"patient": None})  # the step's number says enough
        return self.written(nobody, StepAction.CANCEL, context)

"""A tube in a few sentences: whose id it is, where it comes from, what it was called, where it was seen."""

from __future__ import annotations

from datetime import tzinfo

from middleware.cli import show
from middleware.store.order_views import place_words
from middleware.store.tube_facts import TubeFacts


def sentences(tube: TubeFacts, zone: tzinfo) -> str:
    """What is known of it, for one paragraph."""

    def moment(at: float | None) -> str:
        return show.moment(at, zone)

    said = [
        f"The sample id {tube.sample_id} is of {tube.order_source}"
        if tube.order_source
        else f"Tube {tube.sample_id}"
    ]
    if tube.used_until is not None:
        said.append(f"Its use ended at {moment(tube.used_until)}")
    if tube.parent:
        said.append(f"It is an aliquot of {tube.parent}")
    if tube.aliquots:
        said.append(f"Aliquots: {', '.join(tube.aliquots)}")
    said += [
        f"It was {one.sample_id} until {moment(one.until)} ({one.author}: {one.reason})"
        for one in tube.former
    ]
    if tube.collected_at is not None:
        said.append(f"Collected at {moment(tube.collected_at)}")
    if tube.arrived_at is not None:
        said.append(f"Arrived at {moment(tube.arrived_at)}")
    if tube.seen_at is not None:
        place = place_words(tube.seen_carrier, tube.seen_position)
        said.append(f"Last seen by {tube.seen_line}{place} at {moment(tube.seen_at)}")
    return ". ".join(said) + "."

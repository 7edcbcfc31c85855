"""A whole capture, anonymised: both directions with one set of replacements, times and directions as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from middleware.anonymise.masks import Masks
from middleware.anonymise.streams import CannotAnonymise, Stream, find_messages
from middleware.anonymise.texts import replace_fields, replace_known
from middleware.wire.capture import Moment, Way, facts_of, format_moment, heading, read_capture

ANONYMISED = (
    "anonymised: names, identifiers and dates are replaced; look at it before you give it away"
)
_KEPT_FACTS = ("line", "driver")


@dataclass(frozen=True, slots=True)
class Anonymised:
    """The new capture, and how often what was replaced."""

    text: str
    counts: Mapping[str, int]


def anonymise(lines: Sequence[str], key: bytes, *, keep_comments: bool = False) -> Anonymised:
    """Replace people in a capture. The same key gives the same replacements.

    Raises RemoteProtocolError when it is no capture, CannotAnonymise when it holds what is not LIS2 or HL7 v2.
    """
    masks = Masks(key)
    facts = facts_of(lines)
    moments = list(read_capture(lines))
    groups = _groups(moments)
    streams = [_stream(moments, group) for group in groups]
    for stream in streams:
        stream.change(lambda text: replace_fields(text, masks, keep_comments=keep_comments))
    for stream in streams:
        stream.change(lambda text: replace_known(text, masks))
        stream.mend_checksums()
    changed = _put_back(moments, groups, streams)
    kept = {name: facts[name] for name in _KEPT_FACTS if name in facts}
    counts = dict(masks.counts)
    masked = sum(stream.masked for stream in streams)
    if masked:
        counts["pieces outside of messages, masked"] = masked
    body = "".join(map(format_moment, changed))
    return Anonymised(heading({**kept, "state": ANONYMISED}) + body, counts)


def _groups(moments: Sequence[Moment]) -> list[list[int]]:
    """The numbers of the moments which one side sent on one connection."""
    running: dict[Way, list[int]] = {}
    groups: list[list[int]] = []
    for number, moment in enumerate(moments):
        if moment.way is Way.CONNECTION:
            running = {}
            continue
        if moment.way not in running:
            running[moment.way] = []
            groups.append(running[moment.way])
        running[moment.way].append(number)
    return groups


def _stream(moments: Sequence[Moment], group: Iterable[int]) -> Stream:
    numbers = list(group)
    try:
        return find_messages(b"".join(moments[number].data for number in numbers))
    except CannotAnonymise as error:
        raise CannotAnonymise(
            f"from second {moments[numbers[0]].at_s:.3f} on: {error}", what_to_do=error.what_to_do
        ) from error


def _put_back(
    moments: Sequence[Moment], groups: Sequence[Sequence[int]], streams: Sequence[Stream]
) -> list[Moment]:
    changed = [
        Moment(one.at_s, one.way, _plain_words(one.data)) if one.way is Way.CONNECTION else one
        for one in moments
    ]
    for group, stream in zip(groups, streams, strict=True):
        at = 0
        for number in group:
            moment = moments[number]
            data = bytes(stream.data[at : at + len(moment.data)])
            at += len(moment.data)
            changed[number] = Moment(moment.at_s, moment.way, data)
    return changed


def _plain_words(data: bytes) -> bytes:
    """`opened 10.1.2.3` names a computer of the laboratory: the first word is enough."""
    return data.split(b" ", 1)[0]

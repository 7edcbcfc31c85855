"""Our reader of HL7 beside two public ones, on what they can read: the same segments, the same fields.

The oracles are python-hl7 and hl7apy. Messages that they cannot read, or change while reading, are left out by rule.
"""

from __future__ import annotations

import re
import warnings
from itertools import pairwise

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.hl7 import Message, parse
from tests.kit.recordings import recordings

TEXT = st.text(st.characters(codec="ascii", exclude_characters="|^~\\&\r\n\x0b\x1c"), max_size=8)
FIELD = st.lists(st.lists(TEXT, min_size=1, max_size=3).map("^".join), min_size=1, max_size=2).map(
    "~".join
)
SEGMENT = st.tuples(
    st.sampled_from(["PID", "OBR", "OBX", "NTE", "SPM", "ZZZ"]), st.lists(FIELD, max_size=8)
)


def _fields(message: Message) -> list[tuple[str, list[str]]]:
    return [(one.name, one.fields()[1:]) for one in message.segments_in_order]


def _python_hl7(text: str) -> list[tuple[str, list[str]]]:
    found = []
    for segment in hl7.parse(text):
        name = str(segment[0])
        skipped = 2 if name == "MSH" else 1
        found.append((name, [str(field) for field in segment[skipped:]]))
    return found


def _messages() -> list[tuple[str, bytes]]:
    """Each recorded message alone, as it would stand in a block."""
    found = []
    for one in recordings("hl7"):
        starts = [match.start() for match in re.finditer(rb"MSH\|", one.data)]
        for at, end in pairwise([*starts, len(one.data)]):
            body = (
                one.data[at:end]
                .strip(b"\x0b\x1c\r\n")
                .replace(b"\r\n", b"\r")
                .replace(b"\n", b"\r")
            )
            found.append((one.name, body + b"\r"))
    return found


@given(st.lists(SEGMENT, max_size=5))
def test_python_hl7_finds_the_same_fields_in_any_message(
    segments: list[tuple[str, list[str]]],
) -> None:
    """Segments, fields, repetitions and components of made messages."""
    lines = [r"MSH|^~\&|A|B|||20260314||ORU^R01|1|P|2.5.1"]
    lines += ["|".join([name, *fields]) for name, fields in segments]
    text = "\r".join(lines) + "\r"
    assert _fields(parse(text.encode()))[1:] == _python_hl7(text)[1:]


def test_python_hl7_finds_the_same_fields_in_every_recording() -> None:
    """What analyzers really sent."""
    for name, body in _messages():
        ours = _fields(parse(body))
        theirs = _python_hl7(body.decode("utf-8"))
        assert [one[0] for one in ours] == [one[0] for one in theirs], name
        for (_, mine), (_, other) in zip(ours[1:], theirs[1:], strict=True):
            assert mine == other, name


def test_hl7apy_finds_the_same_observations_in_every_recording() -> None:
    """Test codes, values, units and statuses, where it reads the message at all."""
    parser = pytest.importorskip("hl7apy.parser")
    seen = 0
    for name, body in _messages():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                theirs = parser.parse_message(body.decode("utf-8"), find_groups=False)
            except Exception as error:  # noqa: BLE001 - an oracle that cannot read a message says nothing of it
                print(f"{name}: hl7apy cannot read it: {type(error).__name__}")
                continue
        observations = [one for one in theirs.children if one.name == "OBX"]
        mine = parse(body).segments("OBX")
        assert len(mine) == len(observations), name
        for ours, other in zip(mine, observations, strict=True):
            for number in (3, 5, 6, 11):
                sent = other.to_er7().split("|")
                assert ours.field(number) == (sent[number] if len(sent) > number else ""), name
                seen += 1
    assert seen

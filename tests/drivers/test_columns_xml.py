"""XML exports read as tables: a row is an element, its columns are attributes of it, around it and in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.columns import PROTOCOL
from drivers.protocols.columns.xml_rows import document_of, rows_of_document
from middleware.driver.api import DecodeContext, Driver
from middleware.driver.profile import read_profile
from middleware.errors import DriverError
from middleware.model import Result

CONTEXT = DecodeContext(time_zone="Europe/Berlin", is_file=True)
PROFILE = """
[driver]
id = "demo"
name = "Demo"
protocol = "columns"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "Tube.Id"
[result]
test_code = "Assay.Code"
value = "Answer"
operator = "Run.User"
[protocol]
xml_row = "Tube"
heading = ["Tube.Id", "Assay.Code"]
optional = ["Note.Code"]
[[protocol.alarms]]
column = "Note.Code"
separator = ";"
"""
RUN = '<?xml version="1.0" encoding="UTF-16"?>\n<Export><Run User="OP7">{}</Run></Export>'
TUBE = '<Tube Id="{}"><Assay Code="GLU"/><Answer>{}</Answer>{}</Tube>'


def driver() -> Driver:
    return PROTOCOL.make_driver(read_profile(PROFILE, "demo"))


def read(text: str, encoding: str = "utf-8") -> tuple[Result, ...]:
    return driver().decode(text.encode(encoding), CONTEXT).results


def test_each_element_is_a_row_and_what_stands_around_it_belongs_to_it() -> None:
    """Two tubes of one run: each its own value, both with the user of the run."""
    results = read(RUN.format(TUBE.format("S1", "5.4", "") + TUBE.format("S2", "6.1", "")))
    assert [(one.specimen.sample_id, one.value.raw, one.operator) for one in results] == [
        ("S1", "5.4", "OP7"),
        ("S2", "6.1", "OP7"),
    ]


def test_what_one_tube_says_is_never_taken_for_the_next() -> None:
    """The second tube has no answer: it gives none of the first's."""
    text = RUN.format(TUBE.format("S1", "5.4", "") + '<Tube Id="S2"><Assay Code="GLU"/></Tube>')
    assert [(one.specimen.sample_id, one.value.raw) for one in read(text)] == [
        ("S1", "5.4"),
        ("S2", ""),
    ]


def test_several_notes_of_one_tube_are_several_flags() -> None:
    """Elements that repeat stand in one cell, and an alarm with a separator cuts it."""
    notes = '<Note Code="7"/><Note Code="9"/>'
    (result,) = read(RUN.format(TUBE.format("S1", "5.4", notes)))
    assert result.instrument_flags == ("7", "9")


def test_utf_16_with_its_mark_is_read_whatever_the_declaration_says() -> None:
    """Windows software writes UTF-16 with a byte order mark."""
    (result,) = read(RUN.format(TUBE.format("S1", "5.4", "")), "utf-16")
    assert result.value.raw == "5.4"


@pytest.mark.parametrize(
    "text",
    [
        "<Export><Run/></Export>",
        "no document",
        "<Export><Tube",
        '<!DOCTYPE x [<!ENTITY a "b">]><Export><Tube Id="&a;"/></Export>',
        "<Export>" + "<A>" * 200 + "</A>" * 200 + "</Export>",
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_a_sentence(text: str) -> None:
    """No such element, cut short, hostile: nothing is guessed."""
    with pytest.raises(DriverError) as caught:
        read(text)
    assert caught.value.what_to_do
    assert caught.value.field == "Tube"


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x17F)), max_size=4))
def test_what_is_written_as_a_document_is_read_again(texts: list[str]) -> None:
    """Also with quotes, angle brackets and ampersands; runs of blanks count as one."""
    names = [f"E{number}.A" for number in range(len(texts))]
    lines = rows_of_document([document_of([*names, "Tube.Id"], [[*texts, "S1"]], "Tube")], "Tube")
    headings, row = (line.split("\x1f") for line in lines)
    found = dict(zip(headings, row, strict=True))
    assert {name: " ".join(found[name].split()) for name in names} == {
        name: " ".join(text.split()) for name, text in zip(names, texts, strict=True)
    }

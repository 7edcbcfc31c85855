"""Turns the elements of an XML export into one line of text for each row, so that they are read as any other table.

A row is an element of the name that the profile gives. Its columns are the attributes of the element, of those around
it and of those in it, as `Element.attribute`, and the text of an element as `Element`. What occurs several times in one
row stands in one cell, joined by `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

from drivers.protocols.columns.sylk import CELL_END, MOST_CELLS
from middleware.errors import DriverError
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.poct1a import Element, parse_document

REPEATED = ";"
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")  # its encoding is no longer that of the text
_BLANKS = re.compile(r"\s+")

Cells = dict[str, list[str]]


def rows_of_document(lines: Sequence[str], row_name: str) -> list[str]:
    """The headings and the rows of a document; DriverError when it is none, has no such element, or is too large."""
    root = _root(lines, row_name)
    rows = [dict(_joined(cells)) for cells in _rows(root, row_name, {})]
    if not rows:
        raise DriverError(
            f"the document has no element {row_name!r}",
            what_to_do="Look at the raw file: another export, or a file of another analyzer.",
            record=1,
            field=row_name,
        )
    headings = list(dict.fromkeys(name for row in rows for name in row))
    if len(headings) * len(rows) > MOST_CELLS:
        raise DriverError(
            f"the document has more than {MOST_CELLS} cells",
            what_to_do="Let the analyzer export fewer results at a time.",
        )
    table = [headings, *([row.get(name, "") for name in headings] for row in rows)]
    return [CELL_END.join(row) for row in table]


def document_of(names: Sequence[str], rows: Sequence[Sequence[str]], row_name: str) -> str:
    """A document that gives these rows again; all that is not of the row's own element stands in it."""
    written = [_element(dict(zip(names, row, strict=False)), row_name) for row in rows]
    return "<Document>" + "".join(written) + "</Document>\r\n"


def _root(lines: Sequence[str], row_name: str) -> Element:
    text = _DECLARATION.sub("", "\n".join(lines), count=1)
    try:
        return parse_document(text.encode("utf-8", "replace")).root
    except RemoteProtocolError as error:
        raise DriverError(
            f"the file is no XML document that can be read: {error}",
            what_to_do="Look at the raw file; export it again.",
            record=1,
            field=row_name,
        ) from error


def _rows(element: Element, row_name: str, around: Cells) -> Iterator[Cells]:
    """Every row below an element, with what stands around it."""
    pending = [(element, around)]
    while pending:
        here, outside = pending.pop()
        if here.name == row_name:
            yield outside | _inside(here)
            continue
        known = outside | {name: [text] for name, text in _texts(here)}
        pending += [(child, known) for child in reversed(here.children)]


def _inside(row: Element) -> Cells:
    cells: Cells = {}
    for element in row.walk():
        for name, text in _texts(element):
            cells.setdefault(name, []).append(text)
    return cells


def _texts(element: Element) -> Iterator[tuple[str, str]]:
    for name, text in element.attributes.items():
        yield f"{element.name}.{name}", text
    if element.text:
        yield element.name, element.text


def _joined(cells: Cells) -> Iterator[tuple[str, str]]:
    for name, texts in cells.items():
        yield name, _BLANKS.sub(" ", REPEATED.join(texts)).replace(CELL_END, " ")


def _element(cells: dict[str, str], row_name: str) -> str:
    inside: dict[str, dict[str, str]] = {}
    for name, text in cells.items():
        element, _, attribute = name.partition(".")
        inside.setdefault(element, {})[attribute] = text
    own = _attributes(inside.pop(row_name, {}))
    below = [f"<{name}{_attributes(texts)}/>" for name, texts in inside.items()]
    return f"<{row_name}{own}>{''.join(below)}</{row_name}>"


def _attributes(texts: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(text)}" for name, text in texts.items() if name)

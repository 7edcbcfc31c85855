"""Writes the generated parts of the documentation anew: `python -m tests.kit.regenerate` (`make regenerate`).

A generated part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. A test fails when one is stale.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import partial

from pydantic import BaseModel

import drivers
from drivers.protocols.columns import settings as columns
from drivers.protocols.framed import settings as framed
from drivers.protocols.hl7 import answer_section, link_options, section
from drivers.protocols.law import options as law
from drivers.protocols.poct1a import options as poct1a
from middleware.delivery.catalogue import discover_connectors
from middleware.driver import page, schema
from middleware.payload import json_orders, json_results
from middleware.settings import docs
from middleware.wire.lis1 import diagram
from middleware.wire.poct1a import diagram as poct1a_diagram
from tests.kit.places import ROOT

Sections = Callable[[], dict[str, str]]
HL7_SECTIONS = (
    section.Hl7Section,
    section.TextRule,
    answer_section.AnswerSection,
    link_options.Hl7LinkSection,
)
LAW_SECTIONS = (law.LawSection, law.LawLinkSection)

# A file of the project, and what gives the text of its generated parts by name.
GENERATED: dict[str, Sections] = {
    "drivers/README.md": lambda: page.drivers_sections(drivers.CATALOGUE.profiles()),
    "middleware/driver/README.md": page.profile_sections,
    "middleware/wire/lis1/README.md": diagram.sections,
    "middleware/wire/poct1a/README.md": poct1a_diagram.sections,
    "drivers/protocols/columns/README.md": lambda: {"keys": page.section_tables(columns.SECTIONS)},
    "drivers/protocols/framed/README.md": lambda: {"keys": page.section_tables(framed.SECTIONS)},
    "drivers/protocols/hl7/README.md": lambda: {"keys": page.section_tables(HL7_SECTIONS)},
    "drivers/protocols/law/README.md": lambda: {"keys": page.section_tables(LAW_SECTIONS)},
    "drivers/protocols/poct1a/README.md": lambda: {
        "keys": page.section_tables((poct1a.ConversationChoices,))
    },
    "config/README.md": lambda: {
        "settings": docs.reference(discover_connectors().factories),
        "code columns": docs.code_columns(),
    },
}


def _schema_of(model: type[BaseModel]) -> str:
    """The JSON schema of a document, with its draft."""
    written = model.model_json_schema()
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(draft | written, indent=1, ensure_ascii=False) + "\n"


# A file of the project that is generated as a whole.
WHOLE: dict[str, Callable[[], str]] = {
    "config/labwire.example.toml": lambda: docs.example(discover_connectors().factories),
    "config/driver.schema.json": schema.schema_text,
    "config/results.schema.json": partial(_schema_of, json_results.ResultsDocument),
    "config/orders.schema.json": partial(_schema_of, json_orders.OrdersDocument),
    "config/order_answers.schema.json": partial(_schema_of, json_orders.AnswerDocument),
}


def with_sections(text: str, sections: dict[str, str]) -> str:
    """`text` with every generated part replaced; raises KeyError for a part that has no place in the text."""
    for name, content in sections.items():
        start, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        place = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
        if not place.search(text):
            raise KeyError(f"no place for the generated part {name}")
        fresh = f"{start}\n\n{content}\n\n{end}"
        text = place.sub(lambda _match, fresh=fresh: fresh, text)
    return text


def regenerate() -> list[str]:
    """Write every stale file; the names of those that changed."""
    changed = []
    for place, sections in GENERATED.items():
        path = ROOT / place
        text = path.read_text(encoding="utf-8")
        fresh = with_sections(text, sections())
        if fresh != text:
            path.write_text(fresh, encoding="utf-8")
            changed.append(place)
    for place, whole in WHOLE.items():
        path = ROOT / place
        if not path.exists() or path.read_text(encoding="utf-8") != whole():
            path.write_text(whole(), encoding="utf-8")
            changed.append(place)
    return changed


if __name__ == "__main__":
    sys.stdout.write("".join(f"{place}\n" for place in regenerate()))

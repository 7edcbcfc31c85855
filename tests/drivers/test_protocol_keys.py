"""Every key that only one protocol has is described, and has an example that can be written."""

from __future__ import annotations

import tomllib
from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter

from drivers.protocols.columns import settings as columns
from drivers.protocols.framed import settings as framed
from drivers.protocols.hl7 import answer_section, link_options, section
from drivers.protocols.law import options as law
from drivers.protocols.poct1a import options as poct1a
from middleware.driver.page import as_toml

MODELS: tuple[type[BaseModel], ...] = (
    *columns.SECTIONS,
    *framed.SECTIONS,
    section.Hl7Section,
    section.TextRule,
    answer_section.AnswerSection,
    link_options.Hl7LinkSection,
    law.LawSection,
    law.LawLinkSection,
    poct1a.ConversationChoices,
    poct1a.LineChoices,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_of_a_protocol_has_words_and_an_example(model: type[BaseModel]) -> None:
    """Nobody has to read code to write a profile."""
    for name, field in model.model_fields.items():
        assert field.description, name
        if field.annotation is type(None):
            continue  # a key that this protocol does not have
        assert field.examples, f"{model.__name__}.{name}"
        kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for example in field.examples:
            TypeAdapter(kind).validate_python(tomllib.loads(f"x = {as_toml(example)}")["x"])

"""Renders the generated parts of the documentation: catalogue, quirks, value rules, keys of a profile."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from middleware.driver.profile import Profile
from middleware.driver.quirks import QUIRKS
from middleware.driver.values import VALUE_RULES


def drivers_sections(profiles: Iterable[Profile]) -> dict[str, str]:
    """The generated parts of drivers/README.md by name."""
    return {
        "catalogue": catalogue_table(profiles),
        "quirks": quirks_table(),
        "value rules": value_rules_table(),
    }


def profile_sections() -> dict[str, str]:
    """The generated parts of this package's README.md by name."""
    return {"profile": profile_tables()}


def catalogue_table(profiles: Iterable[Profile]) -> str:
    """One row for each driver: id, analyzer, protocol, roles, tier, quirks."""
    rows = [
        (
            f"[`{profile.id}`](analyzers/{profile.id}/README.md)",
            profile.driver.name,
            profile.driver.protocol,
            ", ".join(profile.driver.roles),
            profile.driver.tier,
            ", ".join(f"`{quirk}`" for quirk in profile.link.quirks),
        )
        for profile in profiles
    ]
    return _table(("driver", "analyzer", "protocol", "roles", "tier", "quirks"), rows)


def quirks_table() -> str:
    """Every tolerated deviation: name, clause deviated from, what the analyzer does, what we do."""
    rows = [
        (f"`{name}`", quirk.clause, quirk.what_the_analyzer_does, quirk.what_we_do)
        for name, quirk in sorted(QUIRKS.items())
    ]
    return _table(("quirk", "deviates from", "the analyzer", "we"), rows)


def value_rules_table() -> str:
    """Every named rule of values."""
    return _table(
        ("rule", "what it explains"), [(f"`{rule}`", text) for rule, text in VALUE_RULES.items()]
    )


def profile_tables() -> str:
    """Every key of a driver.toml, section by section."""
    parts = []
    for name, info in Profile.model_fields.items():
        section = info.annotation
        parts.append(f"**[{name}]** {info.description}")
        model = _model_in(section)
        if model is not None:
            parts.append(_keys_table(model))
    return "\n\n".join([*parts, section_tables(_rule_models())])


def section_tables(models: Iterable[type[BaseModel]]) -> str:
    """The keys of each of these tables, under its name and what it is: for what only one protocol needs."""
    parts = []
    for model in models:
        parts.append(f"**{model.__name__}**: {(model.__doc__ or '').strip().splitlines()[0]}")
        parts.append(_keys_table(model))
    return "\n\n".join(parts)


def _rule_models() -> list[type[BaseModel]]:
    """The tables that may stand in place of a path, each once, in the order of first use."""
    found: dict[type[BaseModel], None] = {}
    for info in Profile.model_fields.values():
        section = _model_in(info.annotation)
        fields = section.model_fields.values() if section is not None else ()
        for field in fields:
            model = _model_in(field.annotation)
            if model is not None:
                found[model] = None
    return list(found)


def _keys_table(model: type[BaseModel]) -> str:
    rows = [
        (f"`{name}`", _default(info), info.description or "")
        for name, info in model.model_fields.items()
    ]
    return _table(("key", "default", "meaning"), rows)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    return f"`{value}`" if isinstance(value, str) and value else ""


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that an annotation holds, through optional and sequence; None when it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, types.UnionType) or hasattr(
        annotation, "__metadata__"
    ):
        for inner in get_args(annotation):
            found = _model_in(inner)
            if found is not None:
                return found
    return None


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row(head), _row(("---",) * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

"""Renders the generated parts of the documentation: catalogue, quirks, value rules, keys of a profile."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterable
from typing import Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from middleware.driver.profile import Profile
from middleware.driver.quirks import QUIRKS
from middleware.driver.rules import PathRule
from middleware.driver.values import VALUE_RULES

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
            profile.driver.tier + ("" if profile.driver.reporting else ", not for reporting"),
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
        elif info.examples:
            parts.append(f"```toml\n[{name}]\n{_lines(info.examples[0])}\n```")
    return "\n\n".join([*parts, section_tables(_rule_models())])


def _lines(table: object) -> str:
    pairs = table.items() if isinstance(table, dict) else ()
    return "\n".join(f"{_key(key)} = {as_toml(one)}" for key, one in pairs)


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
        (f"`{name}`", _default(info), info.description or "", _example(name, info))
        for name, info in model.model_fields.items()
    ]
    return _table(("key", "default", "meaning", "example"), rows)


def _example(name: str, info: FieldInfo) -> str:
    return f"`{name} = {as_toml(info.examples[0])}`" if info.examples else ""


def as_toml(value: object) -> str:
    """A value as one writes it into a profile."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(key)} = {as_toml(one)}" for key, one in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if isinstance(value, PathRule):
        value = value.path
    if value is None or isinstance(value, BaseModel) or value in ("", ()):
        return ""
    if info.default_factory is not None:
        return ""
    return f"`{value}`" if isinstance(value, str) else f"`{as_toml(value)}`"


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

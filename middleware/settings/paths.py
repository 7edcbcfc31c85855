"""Paths in settings are relative to the settings file: this makes them absolute, in every model and below it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from middleware.settings.faults import Model


def with_absolute_paths(model: Model, base: Path) -> Model:
    """`model` with each relative Path joined to `base`; a name that is no path of its own is a text, not a Path."""
    changed: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path) and not value.is_absolute():
            changed[name] = (base / value).absolute()
        elif isinstance(value, BaseModel):
            below = with_absolute_paths(value, base)
            if below is not value:
                changed[name] = below
    return model.model_copy(update=changed) if changed else model

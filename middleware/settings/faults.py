"""What pydantic says, in the words of a person who edits a settings file."""

from __future__ import annotations

import json
import re
import types
import typing
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from middleware.settings.problems import Location, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake at a place below the part that was read."""

    place: Location
    message: str
    suggestion: str = ""


def read_model(model: type[Model], data: Mapping[str, Any]) -> tuple[Model | None, list[Fault]]:
    """The model of a table, or None and what is wrong with it.

    Read by way of JSON because there pydantic's strict mode knows that text may name an enum or a path, and still
    refuses a port in quotation marks.
    """
    try:
        text = json.dumps(data, default=str)
        return model.model_validate_json(text, strict=True), []
    except ValidationError as error:
        return None, [_fault(model, data, details) for details in error.errors()]


def fields_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation may stand for: itself, or the members of a union."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from fields_of(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from fields_of(member)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


def _fault(model: type[BaseModel], data: Mapping[str, Any], details: ErrorDetails) -> Fault:
    place = _written_place(data, details)
    word = _WORDS.get(details["type"])
    if word is not None:
        return word(model, place, details)
    if details["type"].startswith("value_error"):
        return _own_words(place, details)
    message = _plain(details["msg"])
    return Fault(place, message, _description(model, details["loc"]))


def _written_place(data: Mapping[str, Any], details: ErrorDetails) -> Location:
    """The location without the tags of unions, which nobody wrote."""
    place: list[str | int] = []
    here: Any = data
    last = len(details["loc"]) - 1
    for number, part in enumerate(details["loc"]):
        is_missing = details["type"] == "missing" and number == last
        if isinstance(here, dict) and part not in here and not is_missing:
            continue
        place.append(part)
        here = _step(here, part)
    return tuple(place)


def _step(here: Any, part: str | int) -> Any:
    try:
        return here[part]
    except (KeyError, IndexError, TypeError):
        return None


def _models_at(model: type[BaseModel], loc: Location) -> list[type[BaseModel]]:
    """The models whose fields could stand at `loc` (which has the tags of unions)."""
    models = [model]
    for part in loc:
        by_tag = [one for one in models if _tag_of(one) == part]
        if by_tag:
            models = by_tag
            continue
        models = [
            found
            for one in models
            if part in one.model_fields
            for found in fields_of(one.model_fields[str(part)].annotation)
        ]
    return models


def _tag_of(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    values = typing.get_args(field.annotation) if field is not None else ()
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def _description(model: type[BaseModel], loc: Location) -> str:
    if not loc:
        return ""
    name = str(loc[-1])
    for found in _models_at(model, loc[:-1]):
        if name in found.model_fields:
            return found.model_fields[name].description or ""
    return ""


def _unknown_key(model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    known = sorted(
        {name for found in _models_at(model, details["loc"][:-1]) for name in found.model_fields}
    )
    return Fault(place, "unknown key", did_you_mean(str(place[-1]), known))


def _missing(model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    return Fault(place, f"{place[-1]} is missing", _description(model, details["loc"]))


def _not_one_of(_model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    expected = str(details["ctx"]["expected"])
    known = re.findall(r"'([^']*)'", expected)
    return Fault(
        place,
        f"{_shown(details['input'])} is not one of: {', '.join(known)}",
        did_you_mean(str(details["input"]), known).removeprefix(f"known: {', '.join(known)}"),
    )


def _unknown_type(_model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    tag = str(details["ctx"]["tag"])
    known = re.findall(r"'([^']*)'", str(details["ctx"]["expected_tags"]))
    return Fault((*place, "type"), f'unknown type "{tag}"', did_you_mean(tag, known))


def _no_type(_model: type[BaseModel], place: Location, _details: ErrorDetails) -> Fault:
    return Fault(place, "type is missing", 'write type = "tcp_listen" or another type')


def _not_a_table(_model: type[BaseModel], place: Location, _details: ErrorDetails) -> Fault:
    return Fault(place, "must be a table", "write { key = value, ... }")


def _own_words(place: Location, details: ErrorDetails) -> Fault:
    """What one of our own validators says: the fault, a semicolon, the cure."""
    text = str(details.get("ctx", {}).get("error", details["msg"]))
    message, _, cure = text.partition("; ")
    if message.startswith("unknown time zone"):
        zones = sorted(zoneinfo.available_timezones())
        by_lower = {zone.lower(): zone for zone in zones}
        close = did_you_mean(str(details["input"]), list(by_lower)).removesuffix("?")
        name = by_lower.get(close.removeprefix("did you mean "))
        cure = f"did you mean {name}?" if name else cure
    return Fault(place, message, cure)


_TYPES = {
    "int_type": "must be a whole number, without quotation marks",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotation marks",
    "string_type": "must be text in quotation marks",
    "bool_type": "must be true or false, without quotation marks",
    "tuple_type": 'must be a list, as ["one", "two"]',
    "list_type": 'must be a list, as ["one", "two"]',
}


def _wrong_type(model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    return Fault(place, _TYPES[details["type"]], _description(model, details["loc"]))


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:60]


def _plain(message: str) -> str:
    message = message.replace("Input should be", "must be").replace("Input should", "must")
    return message[:1].lower() + message[1:]


def _wrong_form(model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    message = f"{_shown(details['input'])} is not written as it must be"
    return Fault(place, message, _description(model, details["loc"]))


def _too_short(model: type[BaseModel], place: Location, details: ErrorDetails) -> Fault:
    least = details["ctx"]["min_length"]
    message = "must not be empty" if least == 1 else f"must have at least {least} characters"
    return Fault(place, message, _description(model, details["loc"]))


_WORDS = {
    "string_too_short": _too_short,
    "string_pattern_mismatch": _wrong_form,
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "enum": _not_one_of,
    "literal_error": _not_one_of,
    "union_tag_invalid": _unknown_type,
    "union_tag_not_found": _no_type,
    "model_attributes_type": _not_a_table,
    "model_type": _not_a_table,
    "dict_type": _not_a_table,
    **dict.fromkeys(_TYPES, _wrong_type),
}

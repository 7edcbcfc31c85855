"""As much of JSON Schema as the published schema of driver.toml uses: where a document breaks it, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
# Words for people, and what the documents of the tests never touch.
_NO_RULE = frozenset({"title", "description", "examples", "default", "$schema", "$defs"})
_KNOWN = _NO_RULE | {
    "$ref", "anyOf", "type", "enum", "const", "properties", "additionalProperties", "required", "items", "minItems",
    "minLength", "maxLength", "pattern", "patternProperties", "propertyNames", "minimum", "maximum", "exclusiveMinimum",
}  # fmt: skip


def breaches(document: object, schema: Schema, whole: Schema, at: str = "") -> Iterator[str]:
    """Every place where the document does not fit. A rule that is not known here is a breach of its own."""
    for word in sorted(schema.keys() - _KNOWN):
        yield f"{at}: the rule {word!r} is not known to this check"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from breaches(document, whole["$defs"][name], whole, at)
    if "anyOf" in schema and not any(
        not list(breaches(document, one, whole, at)) for one in schema["anyOf"]
    ):
        yield f"{at}: fits none of the choices"
    if "type" in schema and not _is_a(document, schema["type"]):
        yield f"{at}: no {schema['type']}"
        return
    if "enum" in schema and document not in schema["enum"]:
        yield f"{at}: none of {schema['enum']}"
    if "const" in schema and document != schema["const"]:
        yield f"{at}: not {schema['const']}"
    yield from _of_kind(document, schema, whole, at)


def _is_a(document: object, name: str) -> bool:
    is_number = isinstance(document, bool) and name in ("integer", "number")
    return isinstance(document, _TYPES[name]) and not is_number


def _of_kind(document: object, schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    if isinstance(document, str):
        if not schema.get("minLength", 0) <= len(document) <= schema.get("maxLength", 10**9):
            yield f"{at}: too short or too long"
        if "pattern" in schema and not re.search(schema["pattern"], document):
            yield f"{at}: not written as {schema['pattern']}"
    if isinstance(document, int | float) and not isinstance(document, bool):
        is_low = document < schema.get("minimum", document)
        is_low = is_low or document <= schema.get("exclusiveMinimum", document - 1)
        if is_low or document > schema.get("maximum", document):
            yield f"{at}: too small or too large"
    if isinstance(document, list):
        if len(document) < schema.get("minItems", 0):
            yield f"{at}: too few"
        for number, one in enumerate(document):
            yield from breaches(one, schema.get("items", {}), whole, f"{at}[{number}]")
    if isinstance(document, dict):
        yield from _of_table(document, schema, whole, at)


def _of_table(document: dict[str, Any], schema: Schema, whole: Schema, at: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in document:
            yield f"{at}.{name}: missing"
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for key, one in document.items():
        yield from breaches(key, schema.get("propertyNames", {}), whole, f"{at}.{key}")
        if key in properties:
            yield from breaches(one, properties[key], whole, f"{at}.{key}")
        elif others is False:
            yield f"{at}.{key}: unknown"
        elif isinstance(others, dict):
            yield from breaches(one, others, whole, f"{at}.{key}")

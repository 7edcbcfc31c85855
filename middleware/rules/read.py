"""From TOML texts to a rule set, with includes. No file is opened here: the caller gives the texts and their places."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from middleware.rules.criteria import Settings
from middleware.rules.problems import Code, RuleProblem
from middleware.rules.rule_set import (
    RULES_MOST,
    RULES_OF_A_TEST_MOST,
    TESTS_MOST,
    DeclaredTest,
    Location,
    Panel,
    Placed,
    Relation,
    Rule,
    RuleSet,
)

FILES_MOST = 64
TEXT_MOST = 2_000_000
"""Characters of one file; 5,000 rules have fewer."""
_KEYS = ("rules", "test", "rule", "consistency", "panel")
_Model = TypeVar("_Model", bound=Settings)
_Named = TypeVar("_Named", Rule, Relation, Panel)


Locate = Callable[[str], Callable[[Location], int]]


@dataclass(frozen=True, slots=True)
class RuleText:
    """One file. `locate` gives, for a text that is TOML, what finds the 1-based line of a location.

    `lambda text: middleware.settings.locate.Locator(text).line_of`.
    """

    name: str
    text: str
    locate: Locate


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is TOML: its values, and where they stand."""

    name: str
    data: Mapping[str, Any]
    line_of: Callable[[Location], int]


Included = Callable[[str, str], RuleText | None]
"""Gives the text that a file includes, from the name of that file and the name as written; None: there is none.

A text has one name, however it is included: by its name it is known again.
"""


class Head(Settings):
    """`[rules]`: what the set is called, and the files that it builds on."""

    name: str = Field(default="", max_length=80, description="Name of the rule set.")
    version: str = Field(
        default="", max_length=40, description="Version, as the laboratory counts."
    )
    include: tuple[str, ...] = Field(default=(), description="Files read before this one.")


def read(first: RuleText, included: Included) -> tuple[RuleSet, list[RuleProblem]]:
    """All rules of a file and of those that it includes. What cannot be understood is left out and told."""
    reading = _Reading(included)
    head = reading.take(first)
    rule_set = RuleSet(
        head.name,
        head.version,
        reading.tests,
        tuple(reading.rules),
        tuple(reading.relations),
        tuple(reading.panels),
        tuple(reading.files),
        reading.hash.hexdigest(),
    )
    reading.problems.extend(_too_many(rule_set))
    return rule_set, reading.problems


@dataclass
class _Reading:
    """What has been read so far."""

    included: Included
    problems: list[RuleProblem] = field(default_factory=list)
    tests: dict[str, Placed[DeclaredTest]] = field(default_factory=dict)
    rules: list[Placed[Rule]] = field(default_factory=list)
    relations: list[Placed[Relation]] = field(default_factory=list)
    panels: list[Placed[Panel]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    hash: Any = field(default_factory=hashlib.sha256)
    count: int = 0

    def take(self, text: RuleText) -> Head:
        self.seen.add(text.name)
        file, problem = written(text)
        self.problems += [problem] if problem is not None else []
        # The length keeps the end of one text apart from the beginning of the next.
        head = self._head(file)
        self.hash.update(f"{text.name}\0{len(text.text)}\0{text.text}".encode())
        self.files.append(text.name)
        for key in file.data:
            if key not in _KEYS:
                place = f"{file.name}:{file.line_of((key,))}"
                cure = f"known: {', '.join(_KEYS)}"
                self._tell(Code.NOT_UNDERSTOOD, place, f"unknown table {key!r}", cure)
        self._tables(file, file.data)
        return head

    def _head(self, file: Written) -> Head:
        found = self._model(Head, file, ("rules",), file.data.get("rules", {}))
        head = Head() if found is None else found.what
        for number, name in enumerate(head.include):
            self._include(file, name, number)
        return head

    def _tables(self, file: Written, data: Mapping[str, Any]) -> None:
        for code, table in _tables_of(data.get("test")):
            declared = self._model(DeclaredTest, file, ("test", code), table)
            if declared is not None and isinstance(code, str):
                self.tests[code] = declared
        self.rules = self._over(self.rules, self._all(Rule, file, "rule", data))
        self.relations = self._over(self.relations, self._all(Relation, file, "consistency", data))
        self.panels = self._over(self.panels, self._all(Panel, file, "panel", data))

    def _over(
        self, earlier: list[Placed[_Named]], later: list[Placed[_Named]]
    ) -> list[Placed[_Named]]:
        """What has the id of something included replaces it."""
        ids = {one.what.id for one in later if one.what.id}
        seen: set[str] = set()
        for one in later:
            if one.what.id in seen:
                message = f"the id {one.what.id} stands twice"
                self._tell(Code.NAME_TWICE, one.at("id"), message, "give each an id of its own")
            seen |= {one.what.id} - {""}
        return [one for one in earlier if one.what.id not in ids] + later

    def _all(
        self, model: type[_Model], file: Written, key: str, data: Mapping[str, Any]
    ) -> list[Placed[_Model]]:
        if not isinstance(data.get(key, []), list):
            place = f"{file.name}:{file.line_of((key,))}"
            message = f"a table that may stand several times is written [[{key}]]"
            self._tell(Code.NOT_UNDERSTOOD, place, message, f"write [[{key}]]")
            return []
        if len(data.get(key, ())) > RULES_MOST:
            message = f"{len(data[key])} tables [[{key}]] are more than {RULES_MOST}"
            self._tell(Code.TOO_MANY, file.name, message, "put rules together")
            return []
        found = (
            self._model(model, file, (key, number), table)
            for number, table in _tables_of(data.get(key))
        )
        return [one for one in found if one is not None]

    def _include(self, file: Written, name: str, number: int) -> None:
        place = f"{file.name}:{file.line_of(('rules', 'include', number))}"
        text = self.included(file.name, name) if len(self.seen) < FILES_MOST else None
        if text is None:
            self._tell(
                Code.INCLUDE_MISSING, place, f"{name} cannot be included", "correct its name"
            )
            return
        if text.name not in self.seen:
            self.take(text)

    def _model(
        self, model: type[_Model], file: Written, at: Location, data: Any
    ) -> Placed[_Model] | None:
        line = file.line_of(at)
        try:
            what = model.model_validate(data)
        except ValidationError as error:
            for one in error.errors():
                where = file.line_of((*at, *one["loc"]))
                about = ".".join(str(part) for part in one["loc"])
                message = _WORDS.get(one["type"]) or one["msg"].removeprefix("Value error, ")
                self._tell(
                    Code.NOT_UNDERSTOOD,
                    f"{file.name}:{where}",
                    f"{about}: {message}",
                    _known(model) if one["type"] == _UNKNOWN and len(one["loc"]) == 1 else "",
                )
            return None
        places = {path: file.line_of((*at, *path)) for path in _paths(data, 3)}
        self.count += 1
        return Placed(what, self.count, file.name, line, places)

    def _tell(self, code: Code, place: str, message: str, cure: str = "") -> None:
        self.problems.append(RuleProblem(code, place, message, cure))


_UNKNOWN = "extra_forbidden"
_WORDS = {
    _UNKNOWN: "unknown key",
    "missing": "must be given",
    "int_type": "write a whole number",
    "string_type": "write a text, in quotation marks",
    "model_type": "write a table, as { low = 1.0 }",
}
"""What people are told in place of the library's words."""


def _known(model: type[Settings]) -> str:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"known: {', '.join(names)}"


def written(text: RuleText) -> tuple[Written, RuleProblem | None]:
    """The values of a TOML text and their places; or none of them, and why."""
    nothing = Written(text.name, {}, lambda _location: 0)
    if len(text.text) > TEXT_MOST:
        return nothing, RuleProblem(Code.TOO_MANY, text.name, "the file is too long", "split it")
    try:
        data = tomllib.loads(text.text, parse_float=Decimal)
        return Written(text.name, data, text.locate(text.text)), None
    except (ValueError, RecursionError, InvalidOperation) as error:
        return nothing, RuleProblem(Code.NOT_TOML, text.name, f"this is not TOML: {error}")


def _tables_of(data: Any) -> list[tuple[str | int, Any]]:
    if isinstance(data, dict):
        return list(data.items())
    return list(enumerate(data)) if isinstance(data, list) else []


def _paths(data: Any, depth: int) -> Iterator[Location]:
    if depth:
        for key, value in _tables_of(data):
            yield (key,)
            yield from ((key, *rest) for rest in _paths(value, depth - 1))


def _too_many(rule_set: RuleSet) -> Iterator[RuleProblem]:
    place = rule_set.files[-1]
    for count, most, what in (
        (len(rule_set.rules), RULES_MOST, "rules"),
        (len(rule_set.tests), TESTS_MOST, "tests"),
        *(
            (len(rules), RULES_OF_A_TEST_MOST, f"rules of {test}")
            for test, rules in rule_set.of_test.items()
        ),
    ):
        if count > most:
            message = f"{count} {what} are more than {most}"
            yield RuleProblem(Code.TOO_MANY, place, message, "put rules together")

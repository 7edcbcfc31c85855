"""Everything stays small enough to be read at one sitting (DESIGN rule 24); each rule can fail."""

from __future__ import annotations

import ast

import pytest

from tests.kit.size_rules import (
    argument_count,
    faults_of_lengths,
    faults_of_sizes,
    is_table,
    nesting_of,
)
from tests.kit.sources import module_from_text, modules_of


def test_no_module_function_or_nesting_is_too_big() -> None:
    """Whoever opens a file can hold it in the head."""
    assert faults_of_sizes(modules_of()) == []


def test_no_module_of_the_tests_is_too_long() -> None:
    """Tests are read too."""
    assert faults_of_lengths(modules_of("tests")) == []


def test_every_module_says_its_one_job() -> None:
    """The first lines of a file say whether one is in the right place."""
    silent = [
        module.place
        for module in modules_of("middleware", "drivers", "emulators", "tests")
        if not ast.get_docstring(module.tree)
    ]
    assert silent == []


def _lines(count: int, first: str = "x = 1") -> str:
    return "\n".join([first] * count)


def _function(body_lines: int) -> str:
    return "def f():\n" + _lines(body_lines, "    x = 1")


NESTED_FOUR = "def f(a):\n if a:\n  for b in a:\n   while b:\n    with b:\n     pass"
NESTED_IN_HANDLER = "def f(a):\n try:\n  a()\n except E:\n  if a:\n   if a:\n    if a:\n     a()"

TOO_BIG = [
    (_function(2) + "\n" + _lines(398), "401 lines, 400 allowed"),
    (_lines(601), "601 lines, 600 allowed"),
    (_function(40), "f has 41 lines, 40 allowed"),
    ("class C:\n  async def f(self):\n" + _lines(40, "    x = 1"), "f has 41 lines"),
    (NESTED_FOUR, "f nests 4 deep"),
    (NESTED_IN_HANDLER, "f nests 4 deep"),
    ("def f(a, b, c, *, d, e, g): pass", "f takes 6 arguments"),
]


@pytest.mark.parametrize(("text", "expected"), TOO_BIG)
def test_what_is_too_big_is_reported_with_file_line_and_number(text: str, expected: str) -> None:
    """The measure is worth something only if a made-up giant is found."""
    faults = faults_of_sizes([module_from_text("middleware.node", text, "node.py")])
    assert len(faults) == 1
    assert expected in faults[0]
    assert faults[0].startswith("node.py:")


JUST_FITS = [
    _function(2) + "\n" + _lines(397),
    _lines(600),
    _function(39),
    "def f(a):\n if a:\n  for b in a:\n   while b:\n    pass",
    "class C:\n  def f(self, a, b, c, d, e, *rest, **named): pass",
    "@app.command('show')\ndef show(a, b, c, d, e, g, h): pass",
    "def f(a):\n if a:\n  pass\n elif a > 1:\n  pass\n elif a > 2:\n  pass\n elif a > 3:\n  pass",
]


@pytest.mark.parametrize("text", JUST_FITS)
def test_what_just_fits_is_let_through(text: str) -> None:
    """The bounds are the bounds of the style guide, not one less."""
    assert faults_of_sizes([module_from_text("middleware.node", text)]) == []


@pytest.mark.parametrize("text", ["'Doc.'\nX = 1", "'Doc.'\ndef f(): pass", "for x in y: pass"])
def test_a_package_with_code_of_its_own_is_reported(text: str) -> None:
    """Importing a package runs nothing."""
    (fault,) = faults_of_sizes([module_from_text("drivers", text, "drivers.py", is_package=True)])
    assert "more than re-exports" in fault


def test_a_package_that_only_re_exports_is_let_through() -> None:
    """Names, the list of names and the version are what a package may have."""
    text = "'Doc.'\nfrom a.b import C\n__all__ = ['C']\n__version__: str = '1'"
    assert faults_of_sizes([module_from_text("drivers", text, is_package=True)]) == []


def test_a_module_without_functions_is_a_table() -> None:
    """Data may be longer than code."""
    assert is_table(module_from_text("a.tables", "def f(): pass"))
    assert is_table(module_from_text("a.codes", "class A(Enum):\n    B = 1"))
    assert not is_table(module_from_text("a.codes", "class A(Enum):\n    def f(self): pass"))


def _first_function(text: str) -> ast.FunctionDef:
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def test_a_match_counts_as_one_level() -> None:
    """Its cases are its own body."""
    text = "def f(a):\n match a:\n  case 1:\n   if a:\n    pass\n  case _:\n   pass"
    assert nesting_of(_first_function(text)) == 2


def test_a_function_inside_a_function_is_measured_by_itself() -> None:
    """A callback does not make its owner look deep."""
    text = "def f(a):\n if a:\n  def g():\n   if a:\n    pass"
    assert nesting_of(_first_function(text)) == 1


def test_self_is_no_argument() -> None:
    """Only what the caller gives is counted."""
    assert argument_count(_first_function("def f(self, a, /, b, *c, d=1, **e): pass")) == 3

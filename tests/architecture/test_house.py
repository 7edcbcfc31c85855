"""The frame of the house stands: documents, lock files, entry points, no trace of a machine."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.lock_file import Locked, locked_packages, read_lock
from tests.kit.places import PACKAGES, ROOT, own_files, shared_path
from tests.kit.sources import modules_of
from tests.kit.text_rules import faults_of_text

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")

# What is generated in these folders is described by the package above them.
DESCRIBED_ABOVE = frozenset({"migrations", "versions", "templates", "static", "cases"})


def test_every_package_has_a_readme_as_its_design_document() -> None:
    """Whoever enters a folder finds its purpose, its guarantees and its limits there."""
    bare = [
        str(path.parent.relative_to(ROOT))
        for package in PACKAGES
        for path in own_files(ROOT / package)
        if path.name == "__init__.py"
        and not DESCRIBED_ABOVE & set(path.relative_to(ROOT).parts)
        and not (path.parent / "README.md").is_file()
    ]
    assert bare == []


@pytest.mark.parametrize("name", ["README.md", "tests/README.md", "config/README.md"])
def test_the_front_doors_are_there(name: str) -> None:
    """A newcomer starts at one of these."""
    assert (ROOT / name).is_file()


def test_no_two_test_files_share_a_name() -> None:
    """No folder of the tests is a package, so a name says which file a report means."""
    paths = [path for path in own_files(ROOT / "tests") if path.suffix == ".py"]
    names = [path.name for path in paths if path.name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)
    assert "__init__.py" not in {path.name for path in paths}


def test_the_licence_is_apache_2() -> None:
    """A hospital's lawyer finds the whole text, and the metadata says the same."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_the_changelog_tells_what_is_not_released_yet() -> None:
    """An administrator reads here what an update will change."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text


def test_the_makefile_has_the_promised_targets() -> None:
    """DESIGN 8.1: these names are typed by people and by machines."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "bench", "lint", "venv", "regenerate", "clean"):
        assert re.search(rf"^{target}:", text, re.MULTILINE), target


def test_ci_runs_lint_and_then_every_test() -> None:
    """The command that guards the main branch runs what a developer runs."""
    script = ROOT / ".ci" / "run"
    steps = script.read_text(encoding="utf-8").splitlines()
    assert os.access(script, os.X_OK)
    assert [step for step in steps if step.startswith("make ")] == ["make lint", "make test"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    """A package that was swapped on its way to the hospital is not installed."""
    packages = read_lock(ROOT / name)
    assert packages
    assert [one.name for one in packages.values() if not one.hashes] == []


def _uncovered(requirements: list[str], packages: dict[str, Locked]) -> list[str]:
    """The requirements that a lock file does not answer with a version within bounds."""
    missing = []
    for text in requirements:
        requirement = Requirement(text)
        locked = packages.get(canonicalize_name(requirement.name))
        if locked is None or not requirement.specifier.contains(locked.version):
            missing.append(text)
    return missing


def test_the_runtime_lock_covers_what_the_project_and_its_build_require() -> None:
    """`pip install --require-hashes` needs nothing that the lock does not name."""
    extras = PROJECT["project"]["optional-dependencies"]
    required = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *PROJECT["dependency-groups"]["build"],
        *extras["postgresql"],
    ]
    assert _uncovered(required, read_lock(ROOT / "requirements.lock")) == []


def test_the_development_lock_covers_every_extra() -> None:
    """`make test` and `make lint` find their tools."""
    extras = PROJECT["project"]["optional-dependencies"]
    required = [text for extra in extras.values() for text in extra]
    assert _uncovered(required, read_lock(ROOT / "requirements-dev.lock")) == []


def test_both_locks_name_the_same_versions() -> None:
    """What is tested is what is installed."""
    runtime, development = (read_lock(ROOT / name) for name in LOCKS)
    assert {name: one.version for name, one in runtime.items()}.items() <= {
        name: one.version for name, one in development.items()
    }.items()


def test_a_lock_that_misses_something_is_noticed() -> None:
    """The three tests above can fail."""
    packages = locked_packages("a==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\nb==2.0\n")
    assert packages["a"].hashes
    assert not packages["b"].hashes
    assert _uncovered(["a>=2", "b>=2", "c"], packages) == ["a>=2", "c"]
    with pytest.raises(ValueError, match="not pinned"):
        locked_packages("a>=1.0\n")


def _entry_points() -> list[EntryPoint]:
    groups = dict(PROJECT["project"]["entry-points"], console_scripts=PROJECT["project"]["scripts"])
    return [
        EntryPoint(name=name, value=value, group=group)
        for group, entries in groups.items()
        for name, value in entries.items()
    ]


@pytest.mark.parametrize("entry", _entry_points(), ids=lambda entry: f"{entry.group}:{entry.name}")
def test_every_entry_point_leads_to_something(entry: EntryPoint) -> None:
    """A command or a plug-in that the metadata promises can be loaded."""
    assert entry.load() is not None


def _readable_text(path: Path) -> str:
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def test_no_file_names_a_machine_or_a_registry() -> None:
    """What is published says nothing of where it was made."""
    faults = [
        fault
        for path in own_files()
        for fault in faults_of_text(str(path.relative_to(ROOT)), _readable_text(path))
    ]
    assert faults == []


@pytest.mark.parametrize(
    "pieces",
    [
        ("see /wo", "rk/main"),
        ("/ro", "ot/.cache"),
        ("/tm", "p/plan"),
        ("/ho", "me/anna"),
        ("https://py", "pi.org/simple"),
        ("--index", "-url x"),
    ],
)
def test_a_file_that_names_one_is_reported(pieces: tuple[str, str]) -> None:
    """The test above can fail."""
    (fault,) = faults_of_text("notes.md", "first line\n" + "".join(pieces))
    assert fault.startswith("notes.md:2: ")


@pytest.mark.parametrize("text", ["drivers/work/x", "the network/root/x", "/var/lib/labwire"])
def test_an_ordinary_path_is_let_through(text: str) -> None:
    """Paths inside the project and of an installation are no secret."""
    assert faults_of_text("notes.md", text) == []


@pytest.mark.slow
def test_no_recording_of_the_corpus_is_copied_into_the_project() -> None:
    """The recordings belong to others; our cases are written anew."""
    recordings = [path for path in shared_path("corpus").rglob("*") if path.is_file()]
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in recordings}
    names = {path.name for path in recordings if path.suffix not in (".md", ".txt", ".json")}
    copies = [
        str(path.relative_to(ROOT))
        for path in own_files()
        if path.name in names or hashlib.sha256(path.read_bytes()).digest() in digests
    ]
    assert copies == []


# Words that say nothing about what a thing does (DESIGN rule 16). A field has a "component" and a
# database an "engine": these two cannot be judged by a test.
EMPTY_WORDS = frozenset({"handler", "manager", "helper", "helpers", "util", "utils", "processor"})


def _empty_words(name: str) -> set[str]:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return {word.lower() for word in words} & EMPTY_WORDS


def test_no_name_is_empty_of_meaning() -> None:
    """Names are the glossary's, or say what the thing does."""
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    faults = [
        f"{module.place}:{node.lineno}: {node.name}"
        for module in modules_of()
        for node in ast.walk(module.tree)
        if isinstance(node, named) and _empty_words(node.name)
    ]
    faults += [module.place for module in modules_of() if _empty_words(module.name)]
    assert faults == []


def test_an_empty_name_is_noticed() -> None:
    """The test above can fail, and does not stumble over harmless words."""
    assert _empty_words("MessageHandler") == {"handler"}
    assert _empty_words("frame_utils") == {"utils"}
    assert not _empty_words("handles_contention")

"""The file that `[qc]` names: read, checked with its lines, and part of the setup in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.qc.codes import GateMode
from middleware.settings.load import load_text
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Problem, Weight
from middleware.settings.qc_files import read_qc, with_qc
from tests.kit.site_settings import GOOD

NAMED = GOOD + '\n[qc]\nfile = "qc.toml"\n'
MATERIAL = '[[material]]\nid = "multi"\n'
LOT = '[[lot]]\nmaterial = "multi"\nlot = "L1"\nlevel = "1"\n'
CONTROL = '[[control]]\nlot = "L1"\nlevel = "1"\nline = "chem-1"\ntest = "GLU"\n'
TARGET = "mean = 5.0\nsd = 0.2\n"
PATIENTS = (
    '[[patients]]\nline = "chem-1"\ntest = "GLU"\nmethod = "mean"\n'
    'size = 20\nlimits = "percent"\nwidth = 3\ntarget = 5.0\n'
)
WHOLE = MATERIAL + LOT + CONTROL + TARGET


def read(folder: Path, qc: str, text: str = NAMED) -> tuple[Parts, list[Problem]]:
    (folder / "qc.toml").write_text(qc, encoding="utf-8")
    parts = read_parts(load_text(text, folder / "labwire.toml", {}), {})
    return parts, read_qc(parts)


def test_a_whole_file_is_read_once_for_the_setup(tmp_path: Path) -> None:
    gate = '[[gate]]\ntests = ["GLU"]\nmode = "observe"\nschedule = { every_h = 8, shifts = [07:00:00] }\n'
    parts, problems = read(tmp_path, WHOLE + gate)
    assert problems == []
    assert parts.qc is not None
    assert parts.qc.is_gated("chem-1", "GLU")
    assert not parts.qc.is_gated("haem-1", "GLU")
    assert parts.qc.mode("chem-1", "GLU") is GateMode.OBSERVE


def test_another_file_is_another_setup(tmp_path: Path) -> None:
    first, _ = read(tmp_path, WHOLE)
    second, _ = read(tmp_path, WHOLE.replace("0.2", "0.3"))
    texts = [with_qc(("[node]\n", "x"), one) for one in (first, second)]
    assert texts[0][1] != texts[1][1]
    assert "#| sd = 0.2" in texts[0][0]
    assert with_qc(("[node]\n", "x"), read_parts(load_text(GOOD, tmp_path, {}), {}))[1] == "x"


@pytest.mark.parametrize(
    ("qc", "line", "said"),
    [
        (WHOLE.replace('material = "multi"', 'material = "mutli"'), 4, 'no material "mutli"'),
        (MATERIAL + LOT + LOT + CONTROL + TARGET, 9, "stands twice"),
        (MATERIAL + CONTROL + TARGET, 4, "no [[lot]] L1 with level 1"),
        (WHOLE.replace("chem-1", "chem-9"), 10, 'no line "chem-9"'),
        (MATERIAL + LOT + CONTROL, 7, "either mean and sd, or learned"),
        (WHOLE.replace("sd = 0.2\n", ""), 7, "mean and sd stand together"),
        (WHOLE.replace("sd = 0.2", "sd = 0"), 13, "greater than 0"),
        (WHOLE + CONTROL + TARGET, 7, "stands twice on chem-1"),
        ('rules = ["1-9s"]\n' + WHOLE, 1, "no rule is called 1-9s"),
        (WHOLE + "[[gate]]\nmode = 'external'\n", 14, "names its lines and tests"),
        (WHOLE + "[[gate]]\nlines = ['chem-9']\n", 15, 'no line "chem-9"'),
        (WHOLE + PATIENTS.replace("chem-1", "chem-9"), 15, 'no line "chem-9"'),
        (WHOLE + PATIENTS + PATIENTS, 24, "has two statistics"),
        (WHOLE + PATIENTS.replace("size = 20", "size = 1"), 14, "a size of two or more"),
        (WHOLE + "[[gate]]\nholds = true\n", 15, "unknown key"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, qc: str, line: int, said: str
) -> None:
    parts, problems = read(tmp_path, qc)
    (first, *_) = [one for one in problems if one.weight is Weight.ERROR]
    assert said in str(first)
    assert (first.file.name, first.line) == ("qc.toml", line)
    assert parts.qc is None


def test_a_gate_that_gates_nothing_is_a_warning(tmp_path: Path) -> None:
    parts, (problem,) = read(tmp_path, WHOLE + '[[gate]]\ntests = ["GLUC"]\n')
    assert problem.weight is Weight.WARNING
    assert parts.qc is not None


@pytest.mark.parametrize("text", ["[[lot]\n", "\udcff"])
def test_a_file_that_cannot_be_read_is_told_where_it_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "qc.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    parts = read_parts(load_text(NAMED, tmp_path / "labwire.toml", {}), {})
    (problem,) = read_qc(parts)
    assert (problem.file.name, problem.key) == ("labwire.toml", "qc.file")
    assert "cannot be read" in problem.message

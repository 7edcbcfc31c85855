"""`labwire demo`, as a newcomer meets it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def test_a_demo_shows_what_flows_and_ctrl_c_twice_ends_it_with_a_verdict_and_leaves_nothing() -> (
    None
):
    """The impatient press it again: still no trace of Python, no process left, and the truth in words."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "middleware.cli", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if line.startswith("LIS: accepted"):
            break
    demo.send_signal(signal.SIGINT)
    for line in demo.stdout:
        said += line
        if line.startswith("demo: stopping"):
            break
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=90)  # the pipe closes when the last process has gone
    assert demo.returncode == 0, said + rest
    assert re.search(r"LIS: accepted \S+: specimen \S+, \d+ results?\n", said)
    assert "is stopping already" in rest
    assert "verdict: good" in rest
    assert rest.rstrip().endswith("demo: GOOD: every emulated result reached the LIS exactly once")
    assert re.search(r"\d+ given to chem-2 when it asked, \d+ came back\n", rest)
    assert "Traceback" not in said + rest


def test_what_the_lis_of_the_demo_orders_is_given_measured_and_comes_back() -> None:
    """With a time limit it ends by itself, and says how it went with the orders."""
    demo = subprocess.run(
        [sys.executable, "-m", "middleware.cli", "demo", "--seconds", "15"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    said = re.search(r"(\d+) tests ordered by the LIS, (\d+) given .*, (\d+) came", demo.stdout)
    assert said is not None
    ordered, given, back = map(int, said.groups())
    assert ordered == 240
    assert 0 < back <= given <= ordered  # a busy machine may end before the last tube

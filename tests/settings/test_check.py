"""`labwire check`: every mistake at once, with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.driver.catalogue import BrokenDriver
from middleware.settings.check import check
from middleware.settings.problems import Problem, Weight, errors_in
from tests.kit.site_settings import CONNECTORS, GOOD, Drivers, loaded, problems_of


def _line_of(text: str, piece: str) -> int:
    (line,) = [n for n, row in enumerate(text.splitlines(), 1) if piece in row]
    return line


def _only_error(text: str) -> Problem:
    (problem,) = errors_in(problems_of(text))
    return problem


def test_good_settings_have_no_problem() -> None:
    """A sound file is taken without a word."""
    assert problems_of(GOOD) == []


# old text, new text, key of the problem, piece of its line, words of its message, words of its cure
MISTAKES = [
    ('name = "core-lab"', 'naem = "core-lab"', "node.naem", "naem", "unknown key", "mean name?"),
    ("port = 4010", "prot = 4010", "line.transport.prot", "prot =", "unknown key", "mean port?"),
    ('release = "auto"', 'relaese = "auto"', "line.relaese", "relaese", "unknown key", "release?"),
    ('loft = "north"', 'lotf = "north"\nloft = "x"', "connector.lotf", "lotf", "unknown key", "loft"),
    ("[monitor]", "[mointor]", "mointor", "[mointor]", "unknown key", "monitor?"),
    ("[monitor]", '[console]\nlisten = "x"\n[monitor]', "console", "[console]", "not in this", ""),
    ('environment = "test"', "", "node.environment", "[node]", "is missing", "production"),
    ("port = 4000\n", "", "line.transport.port", "[line.transport]", "port is missing", "TCP port"),
    ("port = 4000", 'port = "4000"', "line.transport.port", 'port = "4000"', "whole number", "TCP"),
    ("port = 4000", "port = 70000", "line.transport.port", "70000", "65535", "TCP port"),
    ('"test"', '"tset"', "node.environment", "environment =", "not one of", "mean test?"),
    ('"auto"', '"automatic"', "line.release", "automatic", "not one of", "mean auto?"),
    ('"tcp_connect"', '"tcp_conect"', "line.transport.type", "tcp_con", "unknown", "tcp_connect?"),
    ('"Europe/Berlin"', '"Europe/Belrin"', "node.time_zone", "time_zone = \"E", "unknown", "Berlin?"),
    ('id = "haem-1"', 'id = "chem-1"', "line.id", "", "stands in line 8 already", "its own id"),
    ('"127.0.0.1:9464"', '"127.0.0.1:4010"', "monitor.listen", "listen =", "is taken by", "another"),
    ('"127.0.0.1:9464"', '"here"', "monitor.listen", "listen =", "an address and a port", ""),
    ('"mail_pigeon"', '"mail_pidgeon"', "connector.type", "mail_p", "unknown", "mail_pigeon?"),
    ('to = ["lis"]', 'to = ["lsi"]', "route.to", "to =", 'no connector "lsi"', "mean lis?"),
    ('to = ["lis"]', 'to = "lis"', "route.to", "to =", "must be a list", "Ids of the connectors"),
    ("[[route]]", "[route]", "route", "[route]", "several times", "[[route]]"),
    ("[node]", "[[node]]", "node", "[[node]]", "stands once", "[node]"),
    ('loft = "north"', "", "connector.loft", "[[connector]]", "loft is missing", "pigeons start"),
    ('loft = "north"', 'loft = "n"\nspeed = 12', "connector.speed", "speed", "equal to 9", "fast"),
    ('id = "haem-1"', 'id = "Haem 1"', "line.id", '"Haem 1"', "not written as it must be", "lower-case"),
    ('"10.1.2.3"', "10", "line.transport.host", "host =", "text in quotation marks", "analyzer"),
]  # fmt: skip


@pytest.mark.slow  # the list of all time zones is read once
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake[2]}: {mistake[1]}")
def test_a_mistake_is_named_by_line_key_and_cure(mistake: tuple[str, ...]) -> None:
    """A technician sees where it is, what is wrong, and what to write instead."""
    old, new, key, piece, message, cure = mistake
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    problem = next(one for one in errors_in(problems_of(text)) if one.key == key)
    assert message in problem.message
    assert cure in problem.suggestion
    if piece:
        assert problem.line == _line_of(text, piece)


def test_all_mistakes_are_reported_at_once() -> None:
    """Nobody corrects one mistake only to be told the next."""
    text = (
        GOOD.replace('environment = "test"', 'environment = "tset"')
        .replace("port = 4010", "prot = 4010")
        .replace('driver = "plain"\nrelease = "to', 'driver = "fancy"\nrelease = "to')
        .replace('to = ["lis"]', 'to = ["nowhere"]')
    )
    keys = {problem.key for problem in errors_in(problems_of(text))}
    assert {
        "node.environment",
        "line.transport.prot",
        "line.transport.port",
        "line.driver",
        "route.to",
    } <= keys


def test_a_mistake_in_one_key_hides_no_mistake_in_another_key_of_its_table() -> None:
    """A misspelt driver, and the connector's own keys, are told in the same round as the rest."""
    text = (
        GOOD.replace('id = "chem-1"\ndriver = "plain"', 'id = "Chem"\ndriver = "plane"')
        .replace('type = "mail_pigeon"', 'type = "mail_pigeon"\nlanes = 0')
        .replace('loft = "north"', 'lotf = "north"')
    )
    keys = {problem.key for problem in errors_in(problems_of(text))}
    assert {"line.id", "line.driver", "connector.lanes", "connector.lotf"} <= keys


def test_the_second_of_several_lines_is_found_in_its_own_place() -> None:
    """With many lines the number tells which one is meant."""
    text = GOOD.replace('driver = "plain"\nrelease = "to', 'driver = "fancy"\nrelease = "to')
    problem = _only_error(text)
    assert problem.line == 15
    assert "no driver fancy" in problem.message
    assert problem.suggestion == "known: plain, calls_us"


def test_a_driver_that_does_not_fit_its_transport_is_refused() -> None:
    """An analyzer that calls us cannot be called."""
    text = GOOD.replace('driver = "plain"\nrelease = "to', 'driver = "calls_us"\nrelease = "to')
    problem = _only_error(text)
    assert problem.key == "line.transport.type"
    assert '"tcp_connect" does not fit the driver calls_us' in problem.message
    assert problem.suggestion == "the analyzer takes: tcp_listen, serial, rfc2217"


def test_a_quirk_that_nobody_knows_is_found_on_its_line() -> None:
    """A mistyped tolerance must not be silently without effect."""
    text = GOOD.replace(
        'release = "auto"', 'release = "auto"\nlink = { quirks = ["nul_in_txet"] }', 1
    )
    problem = _only_error(text)
    assert problem.message == "unknown quirk nul_in_txet"
    assert problem.suggestion == "did you mean nul_in_text?"
    assert problem.line == _line_of(text, "nul_in_txet")


@pytest.mark.parametrize(
    ("text", "line", "cure"),
    [
        ("[node]\nname = core-lab\n", 2, "quotation marks"),
        ('[node]\nname = "a"\nname = "b"\n', 3, "twice"),
        ('[node]\nname "a"\n', 2, "key = value"),
        ('[[line]]\nid = "a\n', 2, "quotation marks"),
    ],
)
def test_text_that_is_no_toml_is_told_with_its_line(text: str, line: int, cure: str) -> None:
    """The first thing that stops the reading has a cure too."""
    problem = _only_error(text)
    assert problem.line == line
    assert problem.message.startswith("not TOML")
    assert cure in problem.suggestion


def test_a_listener_open_to_all_is_a_warning_not_an_error() -> None:
    """A laboratory may say so, but it is told what that means."""
    text = GOOD.replace("port = 4010", 'host = "0.0.0.0", port = 4010')
    (problem,) = problems_of(text)
    assert problem.weight is Weight.WARNING
    assert "peers" in problem.suggestion
    assert problems_of(text.replace("port = 4010", 'port = 4010, peers = ["10.1.2.0/24"]')) == []


def test_metrics_open_to_the_network_are_a_warning() -> None:
    """They have no password."""
    (problem,) = problems_of(GOOD.replace("127.0.0.1:9464", "0.0.0.0:9464"))
    assert (problem.key, problem.weight) == ("monitor.listen", Weight.WARNING)


def test_a_line_without_a_release_mode_is_told_to_hold_everything() -> None:
    """No rules never means release, and nobody wonders why nothing arrives at the LIS."""
    (problem,) = problems_of(GOOD.replace('release = "auto"\n', ""))
    assert problem.weight is Weight.NOTE
    assert "chem-1" in problem.message


def test_results_that_no_route_takes_are_a_warning() -> None:
    """They would stay here unseen."""
    text = GOOD.replace('to = ["lis"]', 'to = ["lis"]\nlines = ["chem-1"]')
    (problem,) = problems_of(text)
    assert "haem-1" in problem.message
    assert problem.weight is Weight.WARNING


def test_the_same_port_on_another_address_is_no_clash() -> None:
    """Two network cards may both listen on one port number; one wildcard takes them all."""
    text = GOOD.replace("127.0.0.1:9464", "127.0.0.2:4010")
    assert errors_in(problems_of(text)) == []
    assert errors_in(problems_of(GOOD.replace("127.0.0.1:9464", "0.0.0.0:4010")))


def test_the_port_for_orders_is_one_of_the_nodes_ports() -> None:
    """Two listeners on one port: the second would never hear anything."""
    connector = 'type = "hl7_mllp"\nhost = "lis.example"\nport = 2576\norders = { port = 4010 }'
    text = GOOD.replace('type = "mail_pigeon"\nloft = "north"', connector)
    known = {"hl7_mllp": CONNECTOR}
    (problem,) = errors_in(check(loaded(text), Drivers(), known))
    assert "4010" in problem.message
    assert (
        errors_in(check(loaded(text.replace("{ port = 4010", "{ port = 2577")), Drivers(), known))
        == []
    )


def test_a_broken_driver_package_is_reported_and_stops_nothing() -> None:
    """One bad package must not keep a laboratory from starting."""
    drivers = Drivers(broken=[BrokenDriver("shiny", "ImportError: no module")])
    (problem,) = check(loaded(GOOD), drivers, CONNECTORS)
    assert problem.weight is Weight.WARNING
    assert "shiny" in problem.message


def test_an_empty_file_says_what_is_missing() -> None:
    """A first attempt leads on."""
    messages = [problem.message for problem in problems_of("")]
    assert any("no line" in message for message in messages)
    assert any("environment is missing" in message for message in messages)


def test_a_problem_reads_as_file_line_key_message_cure() -> None:
    """An editor can jump to it."""
    problem = Problem(Path("a.toml"), 3, "node.naem", "unknown key", "did you mean name?")
    assert str(problem) == "a.toml:3: node.naem: unknown key (did you mean name?)"

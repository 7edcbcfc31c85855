"""`labwire check` of connectors: their ports, folders, secrets and certificates are looked at like those of lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.monitor.certificates import tls_uses
from middleware.settings.check import check
from middleware.settings.installed import installed_for
from middleware.settings.load import load_text
from middleware.settings.problems import Problem, Weight
from tests.kit.made_setups import made_connector, made_setup

NODE = """
[node]
name = "core-lab"
environment = "test"

[[line]]
id = "chem-1"
driver = "generic_astm"
release = "auto"
transport = { type = "tcp_listen", port = 4010 }
"""
ASTM = """
[[connector]]
id = "astm"
type = "lis2_host"
transport = { type = "tcp_listen", port = PORT, tls = { certificate = "a.pem", key = "a.key", peers = "ca.pem" } }
"""
JSON = """
[[connector]]
id = "json"
type = "http_json"
url = "http://127.0.0.1:8080/"
secret = { env = "LIS_SECRET" }
orders = { port = 4010, token = "written-in-the-open", tls = { certificate = "a.pem", key = "a.key" } }
"""
FILES = """
[[connector]]
id = "files"
type = "file_drop"
folder = "SAME"
orders = { folder = "SAME" }
"""


def problems(text: str, tmp_path: Path) -> list[Problem]:
    path = tmp_path / "labwire.toml"
    installed = installed_for(path)
    loaded = load_text(NODE + text, path, {"LIS_SECRET": "a-secret-of-the-bench"})
    return check(loaded, installed.catalogue, installed.connectors)


def told(text: str, tmp_path: Path) -> list[str]:
    return [f"{one.key}: {one.message}" for one in problems(text, tmp_path)]


def test_a_port_of_a_connector_clashes_with_a_line_s(tmp_path: Path) -> None:
    for text, key in ((ASTM.replace("PORT", "4010"), "transport"), (JSON, "orders")):
        found = [one for one in told(text, tmp_path) if "port 4010 is taken" in one]
        assert len(found) == 1
        assert key in found[0]


def test_certificates_of_every_way_are_looked_for(tmp_path: Path) -> None:
    said = told(ASTM.replace("PORT", "4500") + JSON, tmp_path)
    assert any("connector.transport.tls" in one for one in said)
    assert any("connector.orders.tls" in one for one in said)


def test_a_token_does_not_stand_in_the_settings(tmp_path: Path) -> None:
    (found,) = [one for one in problems(JSON, tmp_path) if "secret does not stand" in one.message]
    assert found.weight is Weight.ERROR
    assert found.key == "connector.orders.token"


def test_results_are_not_written_where_orders_are_taken(tmp_path: Path) -> None:
    said = told(FILES.replace("SAME", str(tmp_path)), tmp_path)
    assert [one for one in said if "would take the results as messages" in one]


def test_the_ends_of_all_certificates_are_watched_each_by_itself(tmp_path: Path) -> None:
    """Two tables of one connector must not clear each other's warning."""
    tls = {"certificate": "a.pem", "key": "a.key", "peers": "ca.pem"}
    orders = {"port": 8443, "token": "a-token-of-the-bench", "tls": tls}
    own = {"url": "https://lis.example/", "secret": "a-secret-of-the-bench"}
    settings = HttpJsonSettings.model_validate({**own, "tls": tls, "orders": orders})
    connector = replace(made_connector("json"), settings=settings)
    uses = list(tls_uses(made_setup(connectors=[connector])))
    told_of = [(use.connector, use.is_listening, use.is_orders) for use in uses]
    assert told_of == [("json", False, False), ("json", True, True)]

"""The reference of every setting and the commented sample file, made from the models so that neither can be wrong.

A field without a description, or a required one without an example, stops the generation: a test regenerates both.
"""

from __future__ import annotations

import json
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from middleware.delivery.connector import ConnectorFactory
from middleware.line.order_settings import LineOrders
from middleware.line.settings import LineSettings
from middleware.model.sample_id import SampleIdSteps
from middleware.qc.materials import ControlLot, Material
from middleware.qc.schedule import Schedule
from middleware.qc.targets import LearnedTarget
from middleware.review.people import ReviewSettings
from middleware.review.quality_file import ControlTable, GateTable, PatientsTable, QcFile
from middleware.review.reflex import ReflexRule, When
from middleware.routing.code_csv import COLUMNS
from middleware.routing.rules import Route
from middleware.settings.schema import (
    CodesTable,
    ConnectorTable,
    MonitorTable,
    NodeTable,
    QcTable,
    RulesTable,
)
from middleware.transport.file_settings import FileDropSettings
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.transport.tls_settings import TlsSettings

# What the sample writes where there is no default, or where another value explains more.
_EXAMPLES: Mapping[str, Any] = {
    "node.name": "core-lab",
    "node.environment": "production",
    "node.time_zone": "Europe/Berlin",
    "line.id": "chem-1",
    "line.driver": "generic_astm",
    "line.release": "to_lis_unverified",
    "listen.port": 4010,
    "connect.host": "10.1.2.3",
    "connect.port": 4010,
    "serial.port": "/dev/serial/by-id/usb-FTDI_FT232R_A1B2C3D4-if00-port0",
    "rfc2217.host": "10.1.2.9",
    "rfc2217.port": 4001,
    "file_drop.folder": "/srv/plate-reader/export",
    "connector.id": "lis",
    "connector.host": "127.0.0.1",
    "connector.port": 2576,
    "connector.folder": "/srv/lis/results",
    "connector.url": "http://127.0.0.1:8080/results",
    "connector.secret": {"env": "LIS_SECRET"},
    "connector.system": "https://lab.example/labwire",
    "connector.database": "sqlite:////srv/lis/results.db",
    "connector.table": "lab_results",
    "connector.columns": {"id": "row_id", "tube": "sample_id", "test": "test_code"},
    "connector.transport": {"type": "tcp_connect", "host": "127.0.0.1", "port": 4500},
    "route.to": ["lis"],
    "reflex.when": {"test": "TSH", "above": 4.5, "unit": "mIU/L"},
    "reflex.order": ["FT4"],
}


@dataclass(frozen=True, slots=True)
class _Part:
    heading: str
    words: str
    model: type[BaseModel]
    skip: frozenset[str] = frozenset()


_TRANSPORT_PARTS = (
    ("tcp_listen", "The analyzer connects to us.", TcpListenSettings),
    (
        "tcp_connect",
        "We connect to the analyzer, or to a device server in front of it.",
        TcpConnectSettings,
    ),
    ("serial", "A serial port of this machine.", SerialSettings),
    ("rfc2217", "A serial port of a terminal server that speaks RFC 2217.", Rfc2217Settings),
    ("file_drop", "A folder into which the analyzer's software writes files.", FileDropSettings),
)


def _parts(connectors: Mapping[str, ConnectorFactory]) -> Iterator[_Part]:
    yield _Part("`[node]`", "This installation.", NodeTable)
    yield _Part("`[[line]]`", "One analyzer; as many as there are.", LineSettings)
    yield _Part("`orders` of a `[[line]]`", "Work for its analyzer.", LineOrders)
    yield _Part(
        "`sample_ids` of a `[[line]]`",
        "From the ids of its analyzer to those of the orders, in this order; for results and queries alike. "
        "`sample_id_pattern` and the lengths look at what comes out.",
        SampleIdSteps,
    )
    for name, words, model in _TRANSPORT_PARTS:
        yield _Part(f'`transport` with `type = "{name}"`', words, model, frozenset({"type"}))
    yield _Part("`tls`", "Of a TCP transport, or of a connector that uses TCP.", TlsSettings)
    yield _Part(
        "`[[connector]]`",
        "One system that gets results. These keys, and those of its type:",
        ConnectorTable,
    )
    for name, factory in sorted(connectors.items()):
        yield _Part(
            f'`[[connector]]` with `type = "{name}"`',
            "Beside the keys above.",
            factory.settings_model,
        )
        for orders in _tables_of(factory.settings_model, "orders"):
            words = "The system also sends orders; without this table none are taken."
            yield _Part(f'`orders` of a `[[connector]]` with `type = "{name}"`', words, orders)
        for ask in _tables_of(factory.settings_model, "ask"):
            words = "The system can be asked for orders (`orders.ask` of lines); without this table it is not."
            yield _Part(f'`ask` of a `[[connector]]` with `type = "{name}"`', words, ask)
    yield from _result_parts()
    yield _Part("`[monitor]`", "For machines: `/metrics`, `/healthz`, `/readyz`.", MonitorTable)


def _result_parts() -> Iterator[_Part]:
    """What becomes of results."""
    yield _Part(
        "`[[route]]`",
        "Which results go where. Without any route every result goes to every connector.",
        Route,
    )
    yield _Part(
        "`[[reflex]]`",
        "More work because of a result that answers an order: other tests, or the same again.",
        ReflexRule,
    )
    yield _Part("`when` of a `[[reflex]]`", "All that it says must be so.", When)
    yield _Part("`[review]`", "What is asked of people who decide about results.", ReviewSettings)
    yield _Part("`[codes]`", "Test codes of the LIS. The table's columns stand below.", CodesTable)
    words = "When a result may go without a person. Without it `release` of a line decides alone."
    yield _Part("`[rules]`", words, RulesTable)
    yield from _qc_parts()


def _qc_parts() -> Iterator[_Part]:
    """Quality control, and the file that it names."""
    words = "Control values are judged, and what is not in control holds patients' results."
    yield _Part("`[qc]`", words, QcTable)
    tables = frozenset({"material", "lot", "control", "gate", "patients"})
    yield _Part("In the file of `[qc]`", "For all gates, at the head of the file.", QcFile, tables)
    yield _Part("`schedule`", "In the file of `[qc]`, and of a `[[gate]]` in it.", Schedule)
    yield _Part("`[[material]]` in the file of `[qc]`", "A control material.", Material)
    yield _Part("`[[lot]]` in the file of `[qc]`", "One lot of one of its levels.", ControlLot)
    words = "What a lot should give for one test. Only tests that have one are gated."
    yield _Part("`[[control]]` in the file of `[qc]`", words, ControlTable)
    yield _Part("`learned` of a `[[control]]`", "Instead of mean and sd.", LearnedTarget)
    words = "A statistic over patients' results that notices a shift between control runs."
    yield _Part("`[[patients]]` in the file of `[qc]`", words, PatientsTable)
    words = "What is different for some tests. The first that fits counts."
    yield _Part("`[[gate]]` in the file of `[qc]`", words, GateTable)


def _tables_of(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    """The models of a key that is a table of its own (or none)."""
    field = model.model_fields.get(key)
    kinds = typing.get_args(field.annotation) if field is not None else ()
    yield from (one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel))


def reference(connectors: Mapping[str, ConnectorFactory]) -> str:
    """Every key of every table with its default and meaning, as Markdown."""
    sections = []
    for part in _parts(connectors):
        rows = [
            f"| `{name}` | {_default(field)} | {_described(name, field)}{_bounds(field)} |"
            for name, field in part.model.model_fields.items()
            if name not in part.skip
        ]
        table = "\n".join(["| key | default | meaning |", "| --- | --- | --- |", *rows])
        sections.append(f"## {part.heading}\n\n{part.words}\n\n{table}\n")
    return "\n".join(sections).rstrip()


# The sample has one connector; the other types stand beside it, commented out.
_SHOWN_CONNECTOR = "hl7_mllp"

_HEAD = """\
# Every setting of Labwire. What is commented out shows its default.
# Generated from the models (make regenerate); the same as tables: config/README.md.
"""


def example(connectors: Mapping[str, ConnectorFactory]) -> str:
    """The text of `config/labwire.example.toml`: it is valid, and what is commented out shows the default."""
    blocks = [
        _HEAD,
        _block("[node]", "node", NodeTable),
        _block("[[line]]", "line", LineSettings, frozenset({"transport"})),
        _block("[line.transport]", "listen", TcpListenSettings),
        "# [line.transport]   # or: we connect to the analyzer\n"
        + _commented(_block("", "connect", TcpConnectSettings)),
        "# [line.transport]   # or: a serial port\n"
        + _commented(_block("", "serial", SerialSettings)),
        "# [line.transport]   # or: a serial port of a terminal server (RFC 2217)\n"
        + _commented(_block("", "rfc2217", Rfc2217Settings)),
        "# [line.transport]   # or: files in a folder\n"
        + _commented(_block("", "file_drop", FileDropSettings)),
        "# [line.orders]   # work for the analyzer\n"
        + _commented(_block("", "orders", LineOrders)),
        "# [line.sample_ids]   # how the analyzer writes the ids of tubes\n"
        + _commented(_block("", "sample_ids", SampleIdSteps)),
    ]
    for name in sorted(connectors, key=lambda one: (one != _SHOWN_CONNECTOR, one)):
        own = _block("", "connector", connectors[name].settings_model)
        if name == _SHOWN_CONNECTOR:
            shell = _block("[[connector]]", "connector", ConnectorTable, given={"type": name})
            blocks.append(shell + own)
        else:
            head = (
                f'# [[connector]]   # or: type = "{name}", with the keys of every connector, and\n'
            )
            blocks.append(head + _commented(own))
    return "\n".join([*blocks, *_result_blocks()])


def _result_blocks() -> list[str]:
    """What becomes of results, and the monitor."""
    return [
        _block("[[route]]", "route", Route),
        "# [[reflex]]   # more work because of a result\n"
        + _commented(_block("", "reflex", ReflexRule)),
        _block("[codes]", "codes", CodesTable),
        _block("[rules]", "rules", RulesTable),
        _block("[qc]", "qc", QcTable),
        _block("[review]", "review", ReviewSettings),
        _block("[monitor]", "monitor", MonitorTable),
    ]


def code_columns() -> str:
    """The columns of a table of test codes, as Markdown."""
    rows = [f"| `{name}` | {words} |" for name, words in COLUMNS.items()]
    return "\n".join(["| column | meaning |", "| --- | --- |", *rows])


def _block(
    heading: str,
    kind: str,
    model: type[BaseModel],
    skip: frozenset[str] = frozenset(),
    given: Mapping[str, Any] = types.MappingProxyType({}),
) -> str:
    lines = [heading] if heading else []
    for name, field in sorted(model.model_fields.items(), key=lambda one: one[0] != "type"):
        if name in skip:
            continue
        value = given.get(name, _EXAMPLES.get(f"{kind}.{name}", PydanticUndefined))
        lines += textwrap.wrap(
            _described(name, field), 100, initial_indent="# ", subsequent_indent="# "
        )
        lines.append(_assignment(f"{kind}.{name}", field, value))
    return "\n".join(lines) + "\n"


def _assignment(path: str, field: FieldInfo, value: Any) -> str:
    name = path.rpartition(".")[2]
    if value is not PydanticUndefined:
        return f"{name} = {_toml(value)}"
    if field.is_required():
        tag = typing.get_args(field.annotation)
        if len(tag) != 1:
            raise ValueError(f"the setting {path} needs an example")
        return f"{name} = {_toml(tag[0])}"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return f"# {name} = {_shape(typing.get_args(field.annotation))}"
    return f"# {name} = {_toml(default)}"


def _shape(kinds: tuple[Any, ...]) -> str:
    """How the value of a key without a default is written."""
    if SecretStr in kinds:
        return '{ env = "NAME" }'
    if TlsSettings in kinds:
        return '{ certificate = "...", key = "...", peers = "..." }'
    is_table = any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)
    return "{ ... }" if is_table else '"..."'


def _commented(text: str) -> str:
    lines = (line if line.startswith("#") else f"# {line}" for line in text.splitlines())
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BaseModel):  # a table all of whose keys have defaults
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False)


def _described(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"the setting {name} has no description")
    return field.description.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    default = field.get_default(call_default_factory=True)
    return "none" if default is None else f"`{_toml(default)}`"


_SIGNS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


def _bounds(field: FieldInfo) -> str:
    """The limits of a number and the words of an enum, as a sentence."""
    said = [
        f"{word} {getattr(rule, sign):.10g}"
        for rule in field.metadata
        for sign, word in _SIGNS
        if getattr(rule, sign, None) is not None
    ]
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        said.append("one of " + ", ".join(f"`{member.value}`" for member in kind))
    return f" ({', '.join(said)})" if said else ""

"""Reading one POCT1-A document: both ways of writing, and everything that is refused."""

from __future__ import annotations

import pytest

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.poct1a import MessageType, parse_document, type_of
from tests.kit.poct1a_texts import hello, observation

BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><OBS.R01><HDR>&c;</HDR></OBS.R01>'
)


def test_the_fields_of_a_message_are_found_by_their_names() -> None:
    """As the standard names them."""
    document = parse_document(observation(17, value="&lt;5.4"))
    assert document.type is MessageType.OBSERVATIONS
    assert document.control_id == "17"
    assert document.find("OBS.value") == "<5.4"
    assert document.find("OBS.value", "U") == "mmol/L"
    assert document.find("OBS.nothing") == ""


def test_namespaces_and_attribute_style_are_read() -> None:
    """Analyzers do both; the second is a tolerance by name."""
    document = parse_document(b'<p:OBS.R01 xmlns:p="urn:x"><p:HDR p:control_id="9"/></p:OBS.R01>')
    assert document.control_id == "9"
    assert document.quirks == {"attribute_style"}
    assert parse_document(hello()).quirks == frozenset()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB, "doctype_refused"),
        (b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><OBS.R01/>', "doctype_refused"),
        (b"<OBS.R01>" + b"<a>" * 40 + b"</a>" * 40 + b"</OBS.R01>", "elements_too_deep"),
        (b"<OBS.R01>" + b"<a/>" * 20_001 + b"</OBS.R01>", "too_many_elements"),
        (b"<OBS.R01><a></OBS.R01>", "not_well_formed"),
        (b"<OBS.R01>&unknown;</OBS.R01>", "not_well_formed"),
        (b"<OBS.R01>\x01</OBS.R01>", "not_well_formed"),
        (b"", "not_well_formed"),
        (b"<OBS.R01>" + b"\xe9" * 2000 + b"</OBS.R01>", "not_well_formed"),
        (b'<?xml version="1.0" encoding="klingon"?><OBS.R01/>', "unknown_encoding"),
        (b'<?xml version="1.0" encoding="utf-16"?><OBS.R01/>', "not_well_formed"),
    ],
)
@pytest.mark.slow
def test_a_hostile_document_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    """Nothing is expanded, nothing is fetched, nothing grows."""
    with pytest.raises(RemoteProtocolError) as caught:
        parse_document(data)
    assert caught.value.reason == reason


def test_bytes_that_utf8_does_not_know_are_marked_and_the_rest_is_read() -> None:
    """An analyzer that writes Latin-1 without saying so must not lose its results."""
    document = parse_document(
        "<OBS.R01><PT name='Ma\u00fcller'/><HDR/></OBS.R01>".encode("latin-1")
    )
    assert document.is_damaged
    assert document.find("PT.name") == "Ma<xFC>ller"


def test_a_declared_encoding_is_followed() -> None:
    """The document says how it is written."""
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><OBS.R01><PT name="Müller"/></OBS.R01>'
    document = parse_document(text.encode("latin-1"))
    assert not document.is_damaged
    assert document.find("PT.name") == "Müller"


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("HEL.R01", MessageType.HELLO),
        ("OBS.R02", MessageType.OBSERVATIONS),
        ("TERM.R01", MessageType.END),
        ("NOVA.REAG", MessageType.OTHER),
    ],
)
def test_the_name_of_the_root_says_what_a_message_is(root: str, kind: MessageType) -> None:
    """HDR.message_type is optional."""
    assert type_of(root) is kind

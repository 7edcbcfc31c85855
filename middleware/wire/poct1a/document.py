"""Reads one POCT1-A document into elements, and says what kind of message it is; hostile documents are refused.

The work of XML is done by defusedxml: no DOCTYPE, no entities, nothing external. On top of it depth and number of
elements are bounded. Names lose their namespaces. Both ways of writing a field are read: `<HDR.control_id V="7"/>` of
the standard, and `<HDR control_id="7"/>`, which some analyzers write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.poct1a.constants import (
    CLAUSE_DOCUMENT,
    DEEPEST_ELEMENT,
    MOST_DAMAGED_BYTES,
    MOST_ELEMENTS,
)
from middleware.wire.poct1a.quirks import ATTRIBUTE_STYLE

VALUE = "V"  # the attribute that holds a field's value

NOT_WELL_FORMED = "not_well_formed"
DOCTYPE_REFUSED = "doctype_refused"
TOO_DEEP = "elements_too_deep"
TOO_MANY = "too_many_elements"
UNKNOWN_ENCODING = "unknown_encoding"

_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})[\"']")
_CONTROL_ID = re.compile(rb"HDR\.control_id\s+V\s*=\s*[\"']([\w.-]{1,100})[\"']", re.ASCII)
_HEADER_BYTES = 4096
_LONE_BYTE = re.compile("[\udc80-\udcff]")  # how `surrogateescape` keeps a byte that is no UTF-8


@unique
class MessageType(Enum):
    """What a message is, by the letters before the dot of its root's name."""

    HELLO = "HEL"
    ACKNOWLEDGEMENT = "ACK"
    STATUS = "DST"
    REQUEST = "REQ"
    OBSERVATIONS = "OBS"
    EVENTS = "EVS"
    END_OF_TOPIC = "EOT"
    KEEP_ALIVE = "KPA"
    ESCAPE = "ESC"
    DIRECTIVE = "DTV"
    END = "END"
    OTHER = ""


_TYPES = {one.value: one for one in MessageType if one.value}
_TYPES["TERM"] = MessageType.END  # `TERM.R01`, an old spelling


@dataclass(slots=True)
class Element:
    """One element. `text` is what stands directly in it, blanks around it dropped."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""
    _by_name: dict[str, list[Element]] | None = None

    def objects(self, name: str) -> list[Element]:
        """The elements of that name directly below. Asked for often, so they are sorted by name once."""
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for child in self.children:
                found.setdefault(child.name, []).append(child)
        return found.get(name, [])

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the document."""
        pending = [self]
        while pending:
            element = pending.pop()
            yield element
            pending.extend(reversed(element.children))

    def get(self, name: str, attribute: str = VALUE) -> str:
        """An attribute of the field `name` ("control_id") of this object, blanks around it dropped; or ''."""
        qualified = f"{self.name}.{name}"
        found = self.objects(qualified)
        if found:
            return found[0].attributes.get(attribute, "").strip()
        if attribute != VALUE:
            return ""
        return (self.attributes.get(name) or self.attributes.get(qualified) or "").strip()


@dataclass(frozen=True, slots=True)
class Document:
    """One message. `is_damaged`: bytes that its encoding does not know are marked `<xE9>` in its texts."""

    root: Element
    is_damaged: bool = False

    @property
    def type(self) -> MessageType:
        """What the root's name says."""
        return type_of(self.root.name)

    def find(self, path: str, attribute: str = VALUE) -> str:
        """The first `OBJECT.field` at any depth ("HDR.control_id")."""
        name, _, wanted = path.partition(".")
        for element in self.root.walk():
            if element.name == name:
                text = element.get(wanted, attribute)
                if text:
                    return text
        return ""

    @property
    def control_id(self) -> str:
        """HDR.control_id."""
        return self.find("HDR.control_id")

    @property
    def quirks(self) -> frozenset[str]:
        """The tolerances that reading its header needs."""
        needs = any(one.attributes and not one.children for one in self.root.objects("HDR"))
        return frozenset({ATTRIBUTE_STYLE}) if needs else frozenset()


def type_of(root_name: str) -> MessageType:
    """The type of a message by its root's name, `OBS.R01` say."""
    return _TYPES.get(root_name.partition(".")[0].upper(), MessageType.OTHER)


def parse_document(data: bytes) -> Document:
    """Read one document. RemoteProtocolError says why it is refused; its `reason` is one of the constants above."""
    text, is_damaged = _without_damage(data)
    tree = _TreeOfElements()
    try:
        parser = DefusedXMLParser(target=tree, forbid_dtd=True)
        parser.feed(text)
        parser.close()
    except DefusedXmlException as error:
        raise _refused("a DOCTYPE or entity is not allowed", DOCTYPE_REFUSED) from error
    except (LookupError, UnicodeError) as error:
        raise _refused(f"its encoding is not known ({error})", UNKNOWN_ENCODING) from error
    except (ParseError, ValueError) as error:
        raise _refused(f"it is not well-formed XML ({error})", NOT_WELL_FORMED) from error
    if tree.root is None:
        raise _refused("it has no element", NOT_WELL_FORMED)
    return Document(tree.root, is_damaged)


def control_id_in(data: bytes) -> str:
    """What looks like the control id of a document that cannot be read: good enough to refuse it by, no more."""
    found = _CONTROL_ID.search(data[:_HEADER_BYTES])
    return found.group(1).decode("ascii") if found else ""


def _without_damage(data: bytes) -> tuple[bytes, bool]:
    """UTF-8 that is damaged would stop the parser at once: mark its bytes (`<xE9>`), so that the rest can be read."""
    declared = _DECLARED_ENCODING.match(data.lstrip(b"\xef\xbb\xbf \t\r\n"))
    if declared is not None and declared.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        return data, False
    text = data.decode("utf-8", "surrogateescape")
    damaged = len(_LONE_BYTE.findall(text))
    if not 0 < damaged <= MOST_DAMAGED_BYTES:
        return data, False
    marked = _LONE_BYTE.sub(lambda lone: f"&lt;x{ord(lone.group()) - 0xDC00:02X}&gt;", text)
    return marked.encode("utf-8"), True


def _refused(why: str, reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"the document is refused: {why}", reason=reason, clause=CLAUSE_DOCUMENT
    )


class _TreeOfElements:
    """What the parser calls for each part of a document: I build the elements and keep them few and flat."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []  # of each open element
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise _refused(f"it has more than {MOST_ELEMENTS} elements", TOO_MANY)
        if len(self._open) >= DEEPEST_ELEMENT:
            raise _refused(f"its elements are nested deeper than {DEEPEST_ELEMENT}", TOO_DEEP)
        element = Element(_local(name), {_local(key): text for key, text in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def data(self, text: str) -> None:
        """A piece of text inside the innermost open element."""
        self._texts[-1].append(text)

    def end(self, _name: str) -> None:
        """The innermost element ends."""
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def close(self) -> None:
        """The document ends."""


def _local(name: str) -> str:
    """A name without its namespace, whether that was declared (`{…}HDR`) or not (`p:HDR`)."""
    return name.rpartition("}")[2].rpartition(":")[2]

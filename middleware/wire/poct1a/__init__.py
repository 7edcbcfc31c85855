"""POCT1-A: XML documents over a stream of bytes, and the conversation between an analyzer and our end."""

from middleware.wire.poct1a.constants import DEFAULT_LIMIT_BYTES
from middleware.wire.poct1a.document import Document, Element, MessageType, parse_document, type_of
from middleware.wire.poct1a.framing import DocumentCut, DocumentReader, Oversize, Skipped
from middleware.wire.poct1a.link import Poct1aLink
from middleware.wire.poct1a.options import Poct1aOptions, Role

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "Document",
    "DocumentCut",
    "DocumentReader",
    "Element",
    "MessageType",
    "Oversize",
    "Poct1aLink",
    "Poct1aOptions",
    "Role",
    "Skipped",
    "parse_document",
    "type_of",
]

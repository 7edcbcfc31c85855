"""What a FHIR server's answer to a transaction means. Pure.

A transport that worked is no stored result: only a transaction-response with a good status for every entry is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from middleware.connectors.http_client import HttpAnswer
from middleware.connectors.http_sender import REPLY_MAX, printable, words_of
from middleware.model import Outcome, OutcomeKind

LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes. A transaction of 10,000 results is answered in some 4 MB."""

_MOST_ISSUES = 20
# Of 4xx: keys, rights, addresses, proxies, load, two writers at once: the content was not judged (FHIR R4 3.1.0).
_NOT_ABOUT_THE_CONTENT = frozenset({401, 403, 404, 405, 407, 408, 409, 421, 425, 429})
# Of FHIR R4 issue-type: what passes, whatever the status says.
_TRANSIENT = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled", "conflict"})
_BAD = frozenset({"error", "fatal"})


def judge(answer: HttpAnswer, entries: int) -> Outcome:
    """The outcome of a transaction of so many entries."""
    content = _json(answer.body)
    if not _is_good(answer.status):
        return _outcome(answer, answer.status, _issues(content), words_of(answer.body))
    if content.get("resourceType") == "OperationOutcome":
        return _of_operation(answer, _issues(content))
    if content.get("resourceType") != "Bundle" or content.get("type") != "transaction-response":
        return _unclear(answer, "the server answered, but not with a transaction-response")
    answered = [_mapping(one, "response") for one in _list(content, "entry")]
    if len(answered) != entries:
        return _unclear(answer, f"the server answered {len(answered)} of {entries} entries")
    return _of_entries(answer, answered)


def _of_entries(answer: HttpAnswer, answered: Sequence[Mapping[str, Any]]) -> Outcome:
    for number, response in enumerate(answered):
        status = _status(response)
        issues = _issues(_mapping(response, "outcome"))
        if _is_good(status) and not issues:
            continue
        if not status:
            return _unclear(answer, f"entry {number} of the answer has no status")
        # Errors beside a good status: the server did not do what was asked.
        judged = 422 if _is_good(status) else status
        return _outcome(answer, judged, issues, f"entry {number} was answered with {status}")
    code = str(answer.status)
    return Outcome(kind=OutcomeKind.ACCEPTED, code=code, reply=answer.body[:REPLY_MAX])


def _of_operation(answer: HttpAnswer, issues: Sequence[Mapping[str, Any]]) -> Outcome:
    """An OperationOutcome with a good status: errors refuse; anything else says nothing of the entries."""
    if issues:
        return _outcome(answer, 422, issues, "")
    return _unclear(answer, "the server answered, but not with a transaction-response")


def _outcome(
    answer: HttpAnswer, status: int, issues: Sequence[Mapping[str, Any]], otherwise: str
) -> Outcome:
    is_refused = 400 <= status < 500 and status not in _NOT_ABOUT_THE_CONTENT  # noqa: PLR2004
    if issues and all(one.get("code") in _TRANSIENT for one in issues):
        is_refused = False
    text = printable("; ".join([_words(one) for one in issues])) or otherwise
    return Outcome(
        kind=OutcomeKind.REFUSED if is_refused else OutcomeKind.DEFERRED,
        code=str(status),
        text=text or f"the server answered {status}",
        error_locations=tuple([place for one in issues for place in _places(one)]),
        reply=answer.body[:REPLY_MAX],
    )


def _unclear(answer: HttpAnswer, text: str) -> Outcome:
    reply = answer.body[:REPLY_MAX]
    return Outcome(kind=OutcomeKind.DEFERRED, code="wrong_answer", text=text, reply=reply)


def _issues(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if content.get("resourceType") != "OperationOutcome":
        return []
    bad = [one for one in _list(content, "issue") if one.get("severity") in _BAD]
    return bad[:_MOST_ISSUES]


def _words(issue: Mapping[str, Any]) -> str:
    said = _mapping(issue, "details").get("text") or issue.get("diagnostics") or issue.get("code")
    places = ", ".join(_places(issue))
    return f"{said} ({places})" if places else str(said)


def _places(issue: Mapping[str, Any]) -> Iterator[str]:
    for name in ("expression", "location"):
        found = issue.get(name)
        if isinstance(found, list) and found:
            yield from [printable(one)[:200] for one in found[:5] if isinstance(one, str)]
            return


def _status(response: Mapping[str, Any]) -> int:
    """`201 Created` and the like."""
    digits = str(response.get("status", ""))[:3]
    return int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else 0  # noqa: PLR2004


def _is_good(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - RFC 9110 15.3


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _list(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = content.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

"""A report as one HTML text: nothing is loaded, nothing runs, every text is escaped. It prints as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from middleware.rules.proof import CaseRow
from middleware.rules.report import Report, hash_of, threshold_words

_STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em;max-width:70em;color:#111;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:.5em 0 1.5em}"
    "th,td{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}"
    "th{background:#eee}.bad{background:#fdd}.verdict{font-size:1.3em;font-weight:bold}"
    "@media print{body{margin:0}tr{break-inside:avoid}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_of(report: Report) -> str:
    """The document for people."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    title = f"Report on the rules {report.name} {report.version}".strip()
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{escape(title)}</h1>"
    word = "passed" if report.is_passed else "NOT passed"
    yield f'<p class="verdict">{word}</p>'
    yield from _about(report)
    yield from _rules(report)
    yield from _problems(report)
    yield from _coverage(report)
    yield from _cases("Generated cases that came out otherwise", report.failures)
    yield from _cases(
        "The laboratory's own cases, and those that went through the whole pipeline", report.own
    )
    if report.rows:
        yield from _cases("All generated cases", report.rows)
    yield "</body>\n</html>"


def _about(report: Report) -> Iterator[str]:
    about = report.about
    yield _table(
        ("", ""),
        [
            ("Site", about.site),
            ("Made", about.made_at),
            ("Program", about.program),
            ("Files", ", ".join(report.files)),
            ("SHA-256 of the rules", report.digest),
            ("SHA-256 of this report", hash_of(report)),
            ("Report before this one", about.previous or "none"),
            *(("Approved", one) for one in about.approvals or ("nobody yet",)),
        ],
    )


def _rules(report: Report) -> Iterator[str]:
    yield "<h2>The rules</h2>"
    rows = [(one.key, one.place, "\n".join(one.sentences)) for one in report.rules]
    yield _table(("Rule", "Place", "In words"), rows)


def _problems(report: Report) -> Iterator[str]:
    yield "<h2>What the check of the rules says</h2>"
    yield (
        _table(("Problem",), [(one,) for one in report.problems])
        if report.problems
        else "<p>Nothing.</p>"
    )


def _coverage(report: Report) -> Iterator[str]:
    yield "<h2>Coverage</h2>"
    seen, possible = report.pairs
    yield _table(
        ("", ""),
        [
            ("Generated cases", str(report.generated)),
            ("Of them came out otherwise", str(len(report.failures))),
            ("Criteria tried", str(len(report.coverage))),
            ("Of them not in full", str(sum(1 for row in report.coverage if row.missing))),
            ("Pairs of criteria tried", f"{seen} of {possible}"),
            (
                "Mutants noticed",
                f"{report.noticed_percent} % of {report.mutants} ({threshold_words()})",
            ),
        ],
    )
    lists = (
        ("Rules that never count", report.unreached),
        ("Mutants not noticed", report.survivors),
    )
    for title, names in lists:
        if names:
            yield f"<h3>{escape(title)}</h3>"
            yield _table((title,), [(name,) for name in names])
    yield _table(
        ("Test", "Rule", "Criterion", "Cases", "Failed", "Not tried"),
        [
            (
                one.test,
                one.rule,
                one.criterion,
                str(one.cases),
                str(one.failed),
                "; ".join(one.missing),
            )
            for one in report.coverage
        ],
    )


def _cases(title: str, rows: Iterable[CaseRow]) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2>"
    told = [
        ("<tr>" if row.is_good else '<tr class="bad">')
        + "".join(
            f"<td>{escape(text)}</td>"
            for text in (row.name, row.expected, row.got, "good" if row.is_good else "BAD")
        )
        + "</tr>"
        for row in rows
    ]
    if not told:
        yield "<p>None.</p>"
        return
    head = "".join(f"<th>{one}</th>" for one in ("Case", "Expected", "Came out", ""))
    yield f"<table>\n<tr>{head}</tr>\n" + "\n".join(told) + "\n</table>"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    first = "".join(f"<th>{escape(one)}</th>" for one in head) if any(head) else ""
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_lines(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    top = f"<tr>{first}</tr>\n" if first else ""
    return f"<table>\n{top}{body}\n</table>"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")

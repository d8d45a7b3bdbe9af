"""junit.xml as Jenkins and GitLab read it: a test case for each gated result, and one for the page's own findings.

`regression` is a failure, `incomparable` and `missing` are errors (nothing was tested), `inconclusive` is skipped (with
--strict a failure), each with its message. Only elements and attributes of the common schema (Jenkins' junit-10.xsd),
no times: the same page gives the same bytes.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bench.gate.document import GatedResult, GatePage
from bench.gate.verdicts import Verdict
from bench.gate.words import amount, difference_words, headline

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: dict[Verdict, str] = {
    "regression": "failure",
    "incomparable": "error",
    "missing": "error",
    "inconclusive": "skipped",
}


def write_junit(page: GatePage) -> str:
    """The text of junit.xml."""
    kinds = [_kind(result, page.strict) for result in page.results]
    counts = {
        "tests": str(len(page.results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
    }
    root = ElementTree.Element("testsuites", {"name": "realiz3d-bench gate", **counts})
    name = f"{page.candidate.suite} / {page.candidate.generator}"
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _text(name), **counts, "skipped": str(kinds.count("skipped"))}
    )
    facts = ElementTree.SubElement(suite, "properties")
    for key, value in (
        ("verdict", page.verdict),
        ("baseline", page.baseline.label),
        ("candidate", page.candidate.label),
        ("could_fail", str(page.could_fail).lower()),
    ):
        ElementTree.SubElement(facts, "property", {"name": key, "value": _text(value)})
    for result, kind in zip(page.results, kinds, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": _text(f"gate.{page.candidate.generator}"), "name": _text(result.metric)}
        )
        if kind:
            found = ElementTree.SubElement(case, kind, {"message": _text(result.reason), "type": result.verdict})
            if kind != "skipped":
                found.text = _text(_details(result))
        ElementTree.SubElement(case, "system-out").text = _text(f"{result.verdict}: {result.reason}")
    ElementTree.SubElement(suite, "system-out").text = _text("\n".join([headline(page), *page.notes]))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _kind(result: GatedResult, strict: bool) -> str:
    return "failure" if strict and result.verdict == "inconclusive" else _KINDS.get(result.verdict, "")


def _details(result: GatedResult) -> str:
    lines = [f"{result.verdict}: {result.reason}"]
    lines += [difference_words(one) for one in result.differences]
    lines += [f"worse on {one.case} by {amount(one.harm, result.unit)}" for one in result.worst]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Without characters that XML 1.0 cannot carry at all."""
    return _NOT_XML.sub("?", text)

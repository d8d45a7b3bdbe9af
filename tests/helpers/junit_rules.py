"""What Jenkins' junit-10.xsd allows, which GitLab's reader is content with too: elements and their attributes.

Written from the schema's rules: each element with the attributes that it must and may have, and what may lie inside.
"""

from __future__ import annotations

from xml.etree import ElementTree

_COUNTS = {"tests", "failures", "errors"}
_RULES: dict[str, tuple[set[str], set[str], set[str]]] = {  # required attributes, further ones, children
    "testsuites": (set(), {"name", "time", *_COUNTS}, {"testsuite"}),
    "testsuite": (
        {"name", *_COUNTS},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}


def broken_rules(text: str) -> list[str]:
    """What is wrong with a JUnit file; nothing for a valid one."""
    root = ElementTree.fromstring(text)
    found = [] if root.tag in ("testsuites", "testsuite") else [f"the root is {root.tag}"]
    for element in root.iter():
        if element.tag not in _RULES:
            found.append(f"unknown element {element.tag}")
            continue
        required, further, children = _RULES[element.tag]
        found += [f"{element.tag} lacks {name}" for name in required - set(element.keys())]
        found += [f"{element.tag} has {name}" for name in set(element.keys()) - required - further]
        found += [f"{child.tag} in {element.tag}" for child in element if child.tag not in children]
        found += [
            f"{element.tag} says {name}={element.get(name)}"
            for name in (*_COUNTS, "skipped")
            if element.tag == "testsuite" and element.get(name) is not None and not element.get(name, "").isdecimal()
        ]
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            told, counted = int(suite.get(name, "0")), sum(case.find(tag) is not None for case in cases)
            found += [f"{name}={told}, and {counted} are there"] if told != counted else []
        found += [f"tests={suite.get('tests')}"] if int(suite.get("tests", "0")) != len(cases) else []
    return found

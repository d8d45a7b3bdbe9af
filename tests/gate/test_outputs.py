"""Files of a page: each is valid for those who read it, and strangers' text stays text."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from browser import PHONE, SCREEN, inaccessible, overflow, visit
from gate_sides import CASES, psnr, side, with_result
from junit_rules import broken_rules

from bench.gate.document import GatePage, KnownHarm, gate_schema
from bench.gate.page import gate_page
from reports.gate import write_gate
from reports.gate.html import write_html
from reports.gate.interchange import write_bencher, write_github
from reports.gate.junit import write_junit
from reports.gate.markdown import MOST_BYTES, write_markdown
from reports.gate.writing import gate_json

HOSTILE = '<script>alert(1)</script> | `x` @everyone \x00\x1b[31m\n\n# head [a](http://evil.example) "quote" & \ud7ff'
SCHEMA = Path(__file__).parents[2] / "docs" / "gate.schema.json"


def every_verdict() -> GatePage:
    """One page that has every verdict and a hostile name in every place that takes one."""
    names = ["pass", "improved", "inconclusive", "regression", "incomparable", "missing"]
    before = {name: psnr(list(side().results["psnr"].values.values()), metric=name) for name in names}
    shifts = dict(zip(names, (0.0, -2.0, 0.5, 2.0, 0.0, 0.0), strict=True))
    noisy = side(seed=1, noise=0.5).results["psnr"].values
    quiet = side(seed=1).results["psnr"].values
    after = {
        name: psnr([v - shifts[name] for v in (noisy if name == "inconclusive" else quiet).values()], metric=name)
        for name in names
    }
    after["incomparable"] = replace(after["incomparable"], signature=f"psnr {HOSTILE}")
    after["missing"] = replace(after["missing"], status="failed", note=HOSTILE)
    after["inconclusive"] = replace(after["inconclusive"], title=HOSTILE)
    one = side(results=before, gates={}, reason=HOSTILE, author=HOSTILE, place=HOSTILE)
    other = side(seed=1, results=after, gates=dict.fromkeys(names, 0.5), generator=HOSTILE.replace("/", ""))
    page = gate_page(one, other)
    return page.model_copy(update={"sensitivity": (KnownHarm(corruption=HOSTILE, verdict="pass"),)})


PAGE = every_verdict()


def test_the_page_has_every_verdict():
    assert [result.verdict for result in PAGE.results] == [result.metric for result in PAGE.results]


def test_gate_json_fits_its_schema_which_ships():
    assert json.loads(SCHEMA.read_text()) == gate_schema(), (
        "run: python -c 'import json, bench.gate.document as d; print(json.dumps(d.gate_schema(), indent=1))' "
        "> docs/gate.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(gate_schema())
    jsonschema.validate(json.loads(gate_json(PAGE)), gate_schema())


def test_gate_json_reads_back():
    assert GatePage.model_validate_json(gate_json(PAGE)) == PAGE


@pytest.mark.parametrize("strict", [False, True])
def test_junit_is_valid_for_jenkins_and_gitlab(strict):
    text = write_junit(PAGE.model_copy(update={"strict": strict}))
    assert broken_rules(text) == []
    cases = {case.get("name"): case for case in ElementTree.fromstring(text).iter("testcase")}
    kinds = {name: [child.tag for child in case if child.tag != "system-out"] for name, case in cases.items()}
    undecided = ["failure"] if strict else ["skipped"]
    assert kinds == {
        "pass": [], "improved": [], "inconclusive": undecided, "regression": ["failure"],
        "incomparable": ["error"], "missing": ["error"],
    }  # fmt: skip
    assert "worse by 1.98 dB" in cases["regression"].find("failure").get("message")
    assert cases["regression"].find("failure").get("type") == "regression"


def test_the_rules_of_junit_see_what_is_wrong():
    good = write_junit(PAGE)
    for bad in (
        good.replace('failures="1"', 'failures="2"'),
        good.replace("<failure", "<flop").replace("</failure", "</flop"),
        good.replace('<testcase classname="', '<testcase file="'),
        re.sub(r' name="pass"', "", good),
    ):
        assert bad != good and broken_rules(bad)


def test_markdown_shows_strangers_text_as_text():
    text = write_markdown(PAGE)
    assert "<script" not in text and "@everyone" not in text and "](http" not in text
    assert "\n# head" not in text and "| `regression` | regression |" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == 6 and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {10}


def test_markdown_stays_below_what_a_comment_may_hold():
    long = [result.model_copy(update={"reason": "x" * 20_000}) for result in PAGE.results]
    text = write_markdown(PAGE.model_copy(update={"results": tuple(long)}))
    assert len(text.encode()) <= MOST_BYTES and "gate.json has all of it" in text


class Tags(HTMLParser):
    """Names of all elements, and where their attributes lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]


def test_html_opens_with_the_verdict_and_needs_nothing_else():
    text = write_html(PAGE)
    found = Tags(text)
    assert "script" not in found.tags and "<script>alert" not in text
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert "default-src &#39;none&#39;" in text
    body = text[text.index("<body>") :]
    assert body.index("Missing</span>") < body.index("Objects that got worse") < body.index("Gated results")
    assert "could not have failed" not in body[: body.index("Gated results")]


def test_html_warns_of_a_pass_that_says_nothing():
    few = side(n=3)
    assert "This gate could not have failed" in write_html(gate_page(few, replace(few, place="again")))


def test_bencher_gets_its_metric_format():
    schema = {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "propertyNames": {"maxLength": 64},
            "additionalProperties": {
                "type": "object",
                "required": ["value"],
                "additionalProperties": False,
                "properties": {key: {"type": "number"} for key in ("value", "lower_value", "upper_value")},
            },
        },
    }
    found = json.loads(write_bencher(PAGE))
    jsonschema.validate(found, schema)
    (measures,) = found.values()
    assert (
        measures["regression"]["lower_value"] < measures["regression"]["value"] < measures["regression"]["upper_value"]
    )


def test_github_action_benchmark_gets_a_file_for_each_direction():
    found = {
        direction: json.loads(write_github(gate_page(side(), side(seed=1)), direction)) for direction in ("up", "down")
    }
    assert [one["name"] for one in found["up"]] == ["mine psnr"]
    assert [one["name"] for one in found["down"]] == ["mine distance"]
    for one in found["up"] + found["down"]:
        assert set(one) == {"name", "unit", "value", "range", "extra"} and isinstance(one["value"], float)


def test_all_files_are_written_and_the_same_page_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_gate(PAGE, tmp_path / name, tmp_path / name / "j.xml", tmp_path / name / "n" / "m.md")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert [str(file) for file in files] == [
        "bencher.json", "gate.json", "gate.md", "github-benchmark-bigger.json", "github-benchmark-smaller.json",
        "index.html", "j.xml", "junit.xml", "n/m.md",
    ]  # fmt: skip
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_objects_named_by_strangers_lead_to_no_file(tmp_path):
    """A case called `../../secret` is no path."""
    from reports.gate.evidence import Pictures, exhibits

    evil = side(seed=1, harm=2.0)
    cases = {f"../../{case}" if i < 5 else case: v for i, (case, v) in enumerate(evil.results["psnr"].values.items())}
    before = with_result(side(), "psnr", values=dict(zip(cases, side().results["psnr"].values.values(), strict=True)))
    page = gate_page(before, with_result(evil, "psnr", values=cases), {"psnr": 0.5})
    assert all(".." not in one.case for one in exhibits(page, None, Pictures(tmp_path, "mine", 0)))
    assert CASES[0] not in {one.case for one in exhibits(page, None, Pictures(tmp_path, "mine", 0))[:1]}


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_everybody_can_read_the_page(browser, tmp_path, size, dark):
    (tmp_path / "index.html").write_text(write_html(PAGE))
    with visit(browser, tmp_path / "index.html", size=size, dark=dark) as page:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert overflow(page) == 0
        assert inaccessible(page) == []

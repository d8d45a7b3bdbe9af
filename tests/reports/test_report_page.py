"""The page as a parser sees it: complete, self-contained, and inert against what strangers wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_run import HOSTILE_MESSAGE, HOSTILE_PROMPT, METRICS, FakeRun

from bench.heat import strip_png
from bench.results.read import read_runs
from bench.results.summary import SUMMARY_FORMAT
from reports import write_reports
from reports.gallery import build_gallery, spread
from reports.table import build_tables

URL_ATTRIBUTES = {"src", "href", "srcset", "action", "formaction", "data", "poster", "xlink:href", "background"}


class Page(HTMLParser):
    """What the tests ask of a page: tags with attributes, visible text, scripts, rows of the results table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.rows: list[list[str]] = []
        self.bold: list[tuple[str, str]] = []
        self.text = ""
        self._raw: str | None = None
        self._results = False
        self._strong = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag in ("script", "style"):
            self._raw = tag
            if tag == "script":
                self.scripts.append((attributes, ""))
        elif tag == "table":
            classes = attributes.get("class", "").split()
            self._results = "results" in classes and "shares" not in classes
        elif tag == "tfoot":
            self._results = False
        elif tag == "tr" and self._results:
            self.rows.append([])
        elif tag in ("td", "th") and self._results:
            self.rows[-1].append("")
        elif tag == "strong":
            self._strong = True

    def handle_endtag(self, tag: str) -> None:
        if tag == self._raw:
            self._raw = None
        elif tag == "table":
            self._results = False
        elif tag == "strong":
            self._strong = False

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._raw is None:
            self.text += data
            if self._results and self.rows and self.rows[-1]:
                self.rows[-1][-1] += " ".join(data.split()) + " "
                if self._strong and data.strip():
                    self.bold.append((self.rows[-1][0].split()[0], data.strip()))


@pytest.fixture(scope="module")
def html(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nothing_is_fetched_from_anywhere(page: Page) -> None:
    urls = [value for _, attributes in page.tags for name, value in attributes.items() if name in URL_ATTRIBUTES]
    assert urls
    assert all(url.startswith(("data:", "#")) for url in urls)
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "base"}
    assert [attributes for tag, attributes in page.tags if tag == "link"] == [{"rel": "icon", "href": "data:,"}]


def test_policy_allows_our_two_scripts_and_nothing_else(page: Page) -> None:
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    run = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in hashes]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_strangers_text_stays_text(page: Page) -> None:
    assert HOSTILE_PROMPT in page.text
    assert HOSTILE_MESSAGE in page.text
    assert "theirs_v2 | <i>new" in page.text
    assert not [attributes for _, attributes in page.tags if "evil.example" in attributes.get("src", "")]
    assert {tag for tag, _ in page.tags}.isdisjoint({"i"})
    data = [json.loads(text) for attributes, text in page.scripts if attributes.get("type") == "application/json"]
    assert any(item.get("prompt") == HOSTILE_PROMPT for item in data)


def test_every_row_and_column_is_there(page: Page, fake_run: Path) -> None:
    axes, brief, head, *rows = page.rows
    assert [cell.strip() for cell in axes[1:]] == ["consistency", "realism", "control", "speed"]
    assert [cell.strip() for cell in brief[1:]] == ["consistency", "realism", "control"]  # that have a primary metric
    assert [cell.split()[0] for cell in head[1:7]] == ["cde", "loo_", "emr", "kd_", "fid", "silhouette_"]
    assert len(head) == 1 + len(METRICS)
    summary = json.loads((fake_run / "summary.json").read_text())
    names = ["".join(generator["name"].split()) for generator in summary["generators"]]
    assert [row[0].replace(" ", "").startswith(name) for row, name in zip(rows, names, strict=True)] == [True] * 4
    assert all(cell.strip() for row in rows for cell in row)
    flat = " ".join(cell for row in rows for cell in row)
    for reason in ("not measurable", "weights missing", "failed", "coverage 34 %"):
        assert reason in flat


def test_bold_marks_what_the_run_said(page: Page) -> None:
    assert {generator for generator, _ in page.bold} == {"realiz3d"}
    assert len(page.bold) == len(METRICS)


def test_views_have_alternative_texts(page: Page) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img" and "src" in attributes]
    shown = [image for image in images if "width" not in image]  # the gallery's; evidence and its outlines come after
    assert len(shown) == 4 * (4 * 6 - 1)
    assert images[0]["alt"].endswith("azimuth 0°")
    assert all(image["src"].startswith("data:image/webp;base64,") for image in images)


def test_tables_name_their_headers(page: Page) -> None:
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a" and "href" in attributes}
    labels = {label for _, attributes in page.tags for label in attributes.get("aria-labelledby", "").split()}
    popovers = {attributes["popovertarget"] for _, attributes in page.tags if "popovertarget" in attributes}
    assert anchors | labels | popovers <= set(ids)


def test_limited_run_is_announced(tmp_path: Path, page: Page) -> None:
    assert "not comparable" not in page.text
    limited = FakeRun(comparable=False, n_cases=2).write(tmp_path / "run")
    write_reports([limited], formats=["html", "md", "latex"])
    text = Page((limited / "report" / "index.html").read_text()).text
    assert "Limited run: not comparable. Only 2 of the suite's 40 objects were scored." in text
    assert "**Limited run: not comparable.**" in (limited / "report" / "report.md").read_text()
    assert "Limited run: not comparable." in (limited / "report" / "tables.tex").read_text()


def test_samples_and_manifest_may_be_gone(tmp_path: Path) -> None:
    run = FakeRun().write(tmp_path / "run")
    shutil.rmtree(run / "samples")
    (run / "manifest.json").unlink()
    (run / "scores.parquet").unlink()
    write_reports([run], formats=["html"])
    gone = Page((run / "report" / "index.html").read_text())
    assert "no longer in the run folder" in gone.text
    assert len(gone.rows) == 3 + 4


def test_least_summary_is_enough(tmp_path: Path) -> None:
    row = {"generator": "g", "metric": "m", "axis": "control", "direction": "up", "status": "ok"}
    suite = {"name": "bare", "version": 1, "hash": ""}
    document = {"format": SUMMARY_FORMAT, "suite": suite, "rows": [row]}
    (tmp_path / "summary.json").write_text(json.dumps(document))
    written = write_reports([tmp_path])
    assert [path.name for path in written] == ["index.html", "report.md", "summary.csv", "tables.tex", "summary.json"]
    assert "no value" in Page((tmp_path / "report" / "index.html").read_text()).text


def test_broken_pictures_and_foreign_paths_do_not_stop_the_page(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    (run / "samples" / "realiz3d" / "case_00" / "seed_0" / "view_2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    summary = json.loads((run / "summary.json").read_text())
    summary["cases"].append({"id": "../../realiz3d/case_01", "prompt": "outside"})
    (run / "summary.json").write_text(json.dumps(summary))
    (table,) = build_tables(read_runs([run]))
    gallery = build_gallery(table, 10**7)
    assert {exhibit.case.id for exhibit in gallery.exhibits} == {"case_00", "case_01"}
    problems = [shot.problem for e in gallery.exhibits for strip in e.strips for shot in strip.shots if shot.problem]
    assert len(problems) == 1
    write_reports([run], formats=["html"])
    assert "azimuth 180° is unreadable" in Page((run / "report" / "index.html").read_text()).text


def test_gallery_shows_the_ends_of_the_ranking_when_not_all_fit(fake_run: Path) -> None:
    (table,) = build_tables(read_runs([fake_run]))
    everything = build_gallery(table, 10**9)
    scores = [exhibit.score for exhibit in everything.exhibits]
    opened = everything.opened
    assert (scores[:opened], scores[opened:]) == (sorted(scores[:opened]), sorted(scores[opened:]))
    assert (min(scores), max(scores)) == (scores[0], scores[opened - 1])  # what stands open spans the range
    assert everything.ranked_by is not None
    assert everything.ranked_by.name == "cde"
    ranked = sorted(everything.exhibits, key=lambda exhibit: exhibit.score)
    # the first five open the page too, with the same thumbnails
    sizes = [sum(shot.size + len(shot.thumbnail) for strip in e.strips for shot in strip.shots) for e in ranked]
    some = build_gallery(table, sizes[0] + sizes[-1] + sizes[2] + 10)
    assert [exhibit.case.id for exhibit in some.exhibits] == [ranked[i].case.id for i in (0, 2, 5)]
    assert some.total == 6


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 40])
def test_spread_visits_everything_once(n: int) -> None:
    order = list(spread(n))
    assert sorted(order) == list(range(n))
    assert order[:2] == [0, n - 1][: min(n, 2)]


def test_refusal_is_visible(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["rows"][0]["signature"] = summary["rows"][0]["signature"].replace("white", "grey")
    (run / "summary.json").write_text(json.dumps(summary))
    write_reports([run], formats=["html", "md"])
    page = Page((run / "report" / "index.html").read_text())
    assert "cde is not ranked:" in page.text
    assert "grey | white" in page.text
    assert len(page.bold) == len(METRICS) - 1
    assert "~~" in (run / "report" / "report.md").read_text()


def test_static_figure_is_well_formed_and_labels_every_generator(report: Path) -> None:
    svg = (report / "figures" / "tradeoff.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"realiz3d", "syn-only", "theirs_v2 | <i>new", "ceiling"} <= set(texts)
    assert "cde, higher is better" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 4
    assert not re.search(r"(?:href|src)=", svg)


def test_long_prompt_does_not_stretch_the_page(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["cases"][0]["prompt"] = "word <b>" * 12_500
    (run / "summary.json").write_text(json.dumps(summary))
    write_reports([run], formats=["html"])
    html = (run / "report" / "index.html").read_text()
    assert 0 < html.count("word &lt;b&gt;") + html.count("word \\u003cb") < 300


def test_error_maps_are_shown_with_their_legend(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["error_maps"] = [{"metric": "loo_psnr", "unit": "RMS of <b>R, G, B</b>", "top": 0.25}]
    (run / "summary.json").write_text(json.dumps(summary))
    errors = np.random.default_rng(0).uniform(0, 0.3, (4, 24, 24))
    good = strip_png(errors, None, 0.25, {})
    maps = {
        "realiz3d/case_00": good,
        "realiz3d/case_01": b"broken",
        "syn-only/case_00": strip_png(errors[:3], None, 1.0, {}),
    }
    for name, content in maps.items():
        path = run / "maps" / name / "seed_0" / "loo_psnr.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    write_reports([run], formats=["html"])
    html = (run / "report" / "index.html").read_text()
    assert html.count('class="views maps" data-metric') == 1  # neither the broken one nor the one of three views
    assert html.count(base64.b64encode(good).decode()) == 2  # once more as evidence
    page = Page(html)
    at = [tag["style"] for _, tag in page.tags if tag.get("aria-label", "").startswith("loo_psnr errors, ")]
    assert at == ["--at: 0.0%", "--at: 33.333%", "--at: 66.667%", "--at: 100.0%"]
    assert "0.01" in page.text and "≥ 0.25" in page.text and "RMS of <b>R, G, B</b>" in page.text
    summary["error_maps"] = []
    (run / "summary.json").write_text(json.dumps(summary))
    write_reports([run], formats=["html"])
    assert 'class="legend"' not in (run / "report" / "index.html").read_text()


def test_many_metrics_go_down_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.table.WIDE", 5)
    run = FakeRun().write(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for row in summary["rows"]:
        if row["metric"] in ("emr", "loo_psnr"):
            row |= {"value": None, "status": "weights_missing", "note": "the file x.pt is not here\nwhere: nowhere"}
    (run / "summary.json").write_text(json.dumps(summary))
    write_reports([run], tmp_path / "report")
    html = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    table = html[html.index('<table class="results turned') :]
    table = table[: table.index("</table>")]
    rows = re.findall(r'<th scope="row" class="name[^>]*>\s*<span class="metric">(.*?)&nbsp;', table)
    names = [re.sub(r"<.*?>", "", row) for row in rows]
    # by axis, the primary ones first, what nobody has last
    kernel = METRICS[1]["name"]
    assert names == ["cde", "loo_psnr", "emr", kernel, "fid@photos", "silhouette_iou", "throughput"]
    assert table.count("the file x.pt is not here") == 4  # once a metric: its text and its tooltip
    assert table.count('<td class="calibration') == 5  # of each metric that anybody has

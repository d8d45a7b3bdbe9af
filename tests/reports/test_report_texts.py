"""report.md, tables.tex, summary.csv, summary.json: complete, escaped, readable by machines; and the front door."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fake_run import HOSTILE_MESSAGE, METRICS, PRIMARY, FakeRun

from bench.errors import UsageError
from reports import latex, markdown, write_reports

CELL = re.compile(r"(?<!\\)\|")


def test_markdown_tables_are_rectangular(report: Path) -> None:
    lines = (report / "report.md").read_text(encoding="utf-8").splitlines()
    widths = [len(CELL.split(line)) for line in lines if line.startswith("|")]
    blocks, current = [], []
    for line in [*lines, ""]:
        if line.startswith("|"):
            current.append(len(CELL.split(line)))
        elif current:
            blocks.append(current)
            current = []
    assert sum(map(len, blocks)) == len(widths)
    assert len(blocks) == 5  # primary, descriptive, shares, comparisons, failures
    assert all(len(set(block)) == 1 for block in blocks)
    assert [block[0] - 3 for block in blocks[:2]] == [len(PRIMARY), len(METRICS) - len(PRIMARY)]


def test_shares_of_the_way_from_floor_to_ceiling(report: Path) -> None:
    text = (report / "report.md").read_text(encoding="utf-8")
    section = text[text.index("## From floor to ceiling") :]
    assert "| generator | `cde` | `loo_psnr` | `emr` |" in section
    assert (
        "| ceiling | 0.970<br><sub>\\[0.950, 0.990\\]</sub> | 0.970<br><sub>\\[0.950, 0.990\\], 5 objects</sub> |"
        in section
    )
    assert "`silhouette_iou`, `throughput`: no share of the way from floor to ceiling (6 of 6 objects not" in text
    assert text.count("no share of the way from floor to ceiling") == 1  # for one and the same reason
    tex = (report / "tables.tex").read_text(encoding="utf-8")
    assert "from floor to ceiling" in tex and r"ceiling & $0.970$ & $0.970$ & $0.970$ \\" in tex
    table = pd.read_csv(report / "summary.csv")
    assert table[table.metric == "loo_psnr"].normalised_n.eq(5).all()
    assert table[table.metric == "silhouette_iou"].normalised.isna().all()
    page = (report / "index.html").read_text(encoding="utf-8")
    assert '<td class="primary" style="--share: 97.0%">0.970<span class="sub">[0.950, 0.990]</span></td>' in page


def test_reference_against_itself_stands_beside_every_distance(report: Path) -> None:
    markdown = (report / "report.md").read_text(encoding="utf-8")
    # one floor for all generators: a row at the foot; several: beside each number
    assert "| *reference vs itself* |  | 12.0<br><sub>photos vs photos, n = 12</sub> |  |" in markdown
    assert "photos vs photos, n = 9: 42.0" in markdown and "photos vs photos, n = 12: 45.0" in markdown
    tex = (report / "tables.tex").read_text(encoding="utf-8")
    assert r"reference vs itself &  & $12.0$ &  \\" in tex
    page = (report / "index.html").read_text(encoding="utf-8")
    assert '12.0<span class="sub">photos vs photos, n = 12</span>' in page
    assert '<span class="sub more">photos vs photos, n = 9: 42.0</span>' in page
    table = pd.read_csv(report / "summary.csv")
    assert table[table.metric == "fid@photos"].reference_floor_n.tolist() == [9, 12, 12, 12]


def test_markdown_escapes_and_footnotes(report: Path) -> None:
    text = (report / "report.md").read_text(encoding="utf-8")
    assert "theirs\\_v2 \\| &lt;i&gt;new" in text
    assert "<b>" not in text
    assert "<script" not in text
    assert set(re.findall(r"<(\w+)", text)) <= {"br", "sub"}
    marks = set(re.findall(r"\[\^(\d+)\](?!:)", text))
    assert marks == set(re.findall(r"^\[\^(\d+)\]:", text, re.MULTILINE)) == {str(i + 1) for i in range(len(METRICS))}
    assert re.search(r"\| realiz3d \| \*\*0\.\d+\*\*<br><sub>\\\[0\.\d+, 0\.\d+\\\], cov 34 %</sub> \|", text)
    assert "`cde` ↑" in text
    assert "`emr` [px] ↓" in text


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("![x](http://e)", r"\!\[x\](http://e)"),
        ("two\nlines\t`c`", r"two lines \`c\`"),
        ("\\|", r"\\\|"),
    ],
)
def test_markdown_escape(raw: str, escaped: str) -> None:
    assert markdown.escape(raw) == escaped


def test_csv_round_trips_every_row(report: Path, fake_run: Path) -> None:
    table = pd.read_csv(io.StringIO((report / "summary.csv").read_text(encoding="utf-8")))
    rows = json.loads((fake_run / "summary.json").read_text())["rows"]
    assert len(table) == len(rows)
    for stored, (_, read) in zip(rows, table.iterrows(), strict=True):
        assert (read["generator"], read["metric"], read["signature"]) == tuple(
            stored[key] for key in ("generator", "metric", "signature")
        )
        if stored["status"] == "ok":
            assert [read["value"], read["ci_low"], read["ci_high"]] == [
                stored[k] for k in ("value", "ci_low", "ci_high")
            ]
        else:
            assert pd.isna(read["value"])
        assert bool(read["bold"]) == stored["bold"]
    assert table["n_objects"].dtype == "int64"


def test_json_is_strict_and_complete(report: Path, fake_run: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    copied = json.loads((report / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)
    stored = json.loads((fake_run / "summary.json").read_text())
    assert copied.keys() == stored.keys()
    assert copied["comparisons"] == stored["comparisons"]
    assert [row["value"] for row in copied["rows"] if row["status"] != "ok"] == [None] * 3


def strip_comments(tex: str) -> str:
    return "\n".join(re.sub(r"(?<!\\)%.*", "", line) for line in tex.splitlines())


def test_latex_is_balanced_and_rectangular(report: Path) -> None:
    tex = strip_comments((report / "tables.tex").read_text(encoding="utf-8"))
    begun, ended = (re.findall(rf"\\{word}\{{(\w+)\}}", tex) for word in ("begin", "end"))
    assert begun == ["table", "tabular"] * 4
    assert ended == ["tabular", "table"] * 4
    bare = re.sub(r"\\\\|\\[{}$&%#_]", "", tex)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[_#^~](?![^$]*\$)", re.sub(r"\$[^$]*\$|~", "", bare))
    tex = re.sub(r"\\shortstack\[r\]\{(?:[^{}]|\{[^{}]*\}|\\_)*\}", "a heading of several lines", tex)
    for body in re.findall(r"\\begin\{tabular\}\{(l r*|lr*)\}(.*?)\\end\{tabular\}", tex, re.DOTALL):
        rows = [row for row in body[1].split(r"\\") if "&" in row and "multicolumn" not in row]
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(body[0])}
    assert tex.isascii()


def test_latex_marks_best_and_missing(report: Path) -> None:
    tex = (report / "tables.tex").read_text(encoding="utf-8")
    # each once, and those of the paper's table there too: three primary ones and fid@photos
    main, tex = tex.split(r"\end{table}", 1)
    assert len(re.findall(r"\\textbf\{\\boldmath \$", tex)) == len(METRICS)
    assert len(re.findall(r"\\textbf\{\\boldmath \$", main)) == 4
    assert tex.count(r"$\uparrow$") == sum(metric["direction"] == "up" for metric in METRICS)
    assert "n.m.: not measurable." in tex
    assert " & w.m." in tex
    assert r"theirs\_v2 \textbar{} \textless{}i\textgreater{}new" in tex


def test_latex_escape_leaves_nothing_active() -> None:
    escaped = latex.escape("\\input{x} 50% $y_1^2$ a&b #1 ~ <t>\n[opt]")
    assert escaped == (
        r"\textbackslash{}input\{x\} 50\% \$y\_1\textasciicircum{}2\$ a\&b \#1 \textasciitilde{} "
        r"\textless{}t\textgreater{} {[}opt{]}"
    )
    assert HOSTILE_MESSAGE not in latex.escape(HOSTILE_MESSAGE)


def test_files_land_where_asked_and_nothing_else(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    written = write_reports([run], tmp_path / "out", ["csv", "md", "csv"])
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["out/summary.csv", "out/report.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.md", "summary.csv"]
    assert not (run / "report").exists()


def test_same_results_same_bytes(tmp_path: Path) -> None:
    run = FakeRun(n_cases=2).write(tmp_path / "run")
    first = {path.name: path.read_bytes() for path in write_reports([run], tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in write_reports([run], tmp_path / "b")}
    assert first == second


def test_joint_report_of_two_runs(tmp_path: Path) -> None:
    runs = [FakeRun(n_cases=2, seed=seed).write(tmp_path / name) for seed, name in enumerate("ab")]
    with pytest.raises(UsageError, match="--out"):
        write_reports(runs)
    write_reports(runs, tmp_path / "joint")
    assert set(pd.read_csv(tmp_path / "joint" / "summary.csv")["run"]) == {"a", "b"}
    document = json.loads((tmp_path / "joint" / "summary.json").read_text())
    assert [run["run"] for run in document["runs"]] == ["a", "b"]
    assert document["tables"][0]["columns"][0]["runs"] == ["a", "b"]
    assert "| realiz3d (b) |" in (tmp_path / "joint" / "report.md").read_text()


def test_wrong_use_is_explained(fake_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'html'"):
        write_reports([fake_run], tmp_path, ["htm"])
    with pytest.raises(UsageError, match="no run folder"):
        write_reports([], tmp_path)


def test_reports_load_no_model_library() -> None:
    code = "import sys, reports; print([m for m in ('torch', 'onnxruntime', 'warp', 'trimesh') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_many_metrics_go_down_the_page(fake_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.table.WIDE", 5)
    write_reports([fake_run], tmp_path / "wide")
    text = (tmp_path / "wide" / "report.md").read_text(encoding="utf-8")
    heads = [line for line in text.splitlines() if line.startswith("| metric | realiz3d | syn-only | ")]
    assert [head.endswith("| ceiling | *reference vs itself* |") for head in heads] == [
        True,
        False,
        False,
    ]  # distances, others, shares
    tables = [line for line in text[: text.index("## Paired")].splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in tables[: len(METRICS)]] == [metric["name"] for metric in METRICS]


def test_latex_tables_are_no_wider_than_a_page(fake_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latex, "_MOST", 2)
    write_reports([fake_run], tmp_path / "narrow")
    tex = (tmp_path / "narrow" / "tables.tex").read_text(encoding="utf-8")
    columns = re.findall(r"\\begin\{tabular\}\{l(r+)\}", tex)
    assert [len(found) for found in columns] == [
        4,
        2,
        1,
        2,
        2,
        2,
        1,
    ]  # the main one, three primary, four descriptive, three shares
    assert "primary metrics (2 of 2)" in tex and "descriptive metrics (1 of 2)" in tex
    for metric in METRICS:
        assert tex.count(f"% {metric['name']}: ") == 1

"""What an entry holds: rows, values by object, hashes of the pictures, and an id that is the hash of the content."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from board_edits import entry_of, row
from board_runs import write_meta

from bench.cli import main
from bench.leaderboard import objects
from bench.leaderboard.entry import content_id, entry_schema
from bench.leaderboard.objects import ObjectValue, read_objects, write_objects
from bench.leaderboard.pin import read_pin
from bench.leaderboard.repository import read_entry
from bench.leaderboard.texts import slug
from bench.results.read import read_run
from groundwork.errors import InputError

SCHEMA = Path(__file__).parents[2] / "docs" / "leaderboard-entry.schema.json"


def test_the_schema_ships_as_it_is() -> None:
    assert json.loads(SCHEMA.read_text()) == entry_schema(), (
        "write it again: `python -c 'import json, bench.leaderboard.entry as e; "
        "print(json.dumps(e.entry_schema(), indent=1))' > docs/leaderboard-entry.schema.json`, and raise ENTRY_FORMAT"
    )
    jsonschema.Draft202012Validator.check_schema(entry_schema())


def test_an_entry_holds_what_its_run_found(made_board: Path, painted_run: Path) -> None:
    path = entry_of(made_board, "mine")
    document = json.loads(path.read_text())
    jsonschema.validate(document, entry_schema())
    run = read_run(painted_run)
    for wanted in (one for one in run.summary.rows if one.generator == "mine"):
        found = row(document, wanted.metric)
        assert (found["value"], found["ci_low"], found["signature"]) == (wanted.value, wanted.ci_low, wanted.signature)
        assert found["by_object"] == ("leave_one_out" if "@" in wanted.metric else "values")
    digests = {f"{s.case}/{s.seed}": s.sample for s in run.score_rows if s.generator == "mine" and s.case is not None}
    assert document["samples"] == digests and len(digests) == 6
    assert document["relationship"] == "first_party" and document["tier"] == "claimed"
    assert str(painted_run) not in path.read_text()  # no folder of this machine


def test_the_id_is_the_hash_of_the_content_in_canonical_form(made_board: Path) -> None:
    """The rule as docs/leaderboard.md states it, without our code."""
    document = json.loads(entry_of(made_board, "mine").read_text())
    content = {key: value for key, value in document.items() if key not in ("id", "state", "tier", "history")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert document["id"] == hashlib.sha256(text.encode()).hexdigest() == content_id(document)


def test_a_sample_that_failed_is_named_and_counts(made_board: Path) -> None:
    stored = read_entry(entry_of(made_board, "fails"))
    assert stored.entry.samples["eval_002_cylinder/0"] is None
    iou = stored.entry.row("silhouette_iou")
    assert iou is not None and iou.n_missing == 1 and iou.measured is not None and iou.value < iou.measured
    assert stored.objects["silhouette_iou"]["eval_002_cylinder"].missing == 1


def test_the_first_entry_pins_the_suite(made_board: Path, painted_run: Path) -> None:
    pin = read_pin(made_board / "painted-v2" / "suite.json")
    assert pin.hash == read_run(painted_run).summary.suite.hash
    assert pin.primary == ("silhouette_iou", "kd_cluster[efficientnet_lite0]@photos")
    assert all(result.signature for result in pin.results)


def test_a_run_of_another_question_is_refused(made_board: Path, painted_run: Path, tmp_path: Path, capsys) -> None:
    pin = made_board / "painted-v2" / "suite.json"
    other = tmp_path / "entries" / "painted-v2" / "suite.json"
    other.parent.mkdir(parents=True)
    other.write_text(pin.read_text().replace("silhouette_iou azimuths", "silhouette_iou v0 azimuths"))
    meta = write_meta(tmp_path / "meta.yaml")
    words = ["leaderboard", "entry", painted_run, "--generator", "mine", "--meta", meta, "--out", tmp_path / "entries"]
    assert main([str(word) for word in words]) == 2
    assert "the signature of silhouette_iou" in capsys.readouterr().err
    # the owner takes the new signatures in; the former ones stay valid
    assert main([*map(str, words), "--renew-signatures"]) == 0
    result = read_pin(other).result("silhouette_iou")
    assert result is not None and "v0" not in result.signature and "v0" in result.former[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("developer: A\nlicence: MIT\n", "'overlap' is missing"),
        ("developer: A\nlicence: MIT\noverlap: none\nlicense: MIT\n", "licence"),
        ("developer: A\nlicence: MIT\noverlap: none\npaper: javascript:alert(1)\n", "web address"),
        ("developer: 'A\u202eB'\nlicence: MIT\noverlap: none\n", "reverse the reading direction"),
        ("developer: A\nlicence: MIT\noverlap: none\nrelationship: friends\n", "first_party"),
    ],
)
def test_a_wrong_meta_file_is_told_by_its_line(painted_run: Path, tmp_path: Path, text: str, told: str, capsys) -> None:
    meta = tmp_path / "meta.yaml"
    meta.write_text(text, encoding="utf-8")
    words = ["leaderboard", "entry", painted_run, "--generator", "mine", "--meta", meta, "--out", tmp_path / "entries"]
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert told in said and "meta.yaml:" in said and not (tmp_path / "entries").exists()


def test_a_table_that_says_one_thing_twice_or_unpacks_to_too_much_is_refused(monkeypatch) -> None:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    good = write_objects({"cde": {"a": ObjectValue(0.5), "b": ObjectValue(0.25, 0.1, 1)}})
    assert read_objects(good, "")["cde"]["b"] == ObjectValue(0.25, 0.1, 1)
    names = ("metric", "case", "value", "floor", "missing")

    def table(rows: list[tuple]) -> bytes:
        buffer = io.BytesIO()
        pq.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}), buffer)
        return buffer.getvalue()

    for rows, told in (
        ([("cde", "a", 0.5, None, 0)] * 2, "twice"),
        ([("cde", "a", float("nan"), None, 0)], "no number that a result can have"),
        ([("cde", None, 0.5, None, 0)], "lacks"),
    ):
        with pytest.raises(InputError, match=told):
            read_objects(table(rows), "here")
    bomb = io.BytesIO()
    monkeypatch.setattr(objects, "MOST_UNPACKED", 1_000_000)
    many = pa.array(["x" * 1000]).take(pa.array([0] * 2_000))  # 2 MB that compress to nothing
    columns = {"metric": many, "case": many, "value": pa.array([0.0] * 2_000)}
    pq.write_table(pa.table(columns), bomb, compression="zstd", use_dictionary=False)
    with pytest.raises(InputError, match="unpacks to"):
        read_objects(bomb.getvalue(), "here")


def test_names_become_folders_on_every_system() -> None:
    assert slug("Café Lab / 3D & Co.") == "cafe-lab-3d-co" and slug("../../etc") == "etc"
    assert len(slug("研究所")) == 12 and slug("研究所") != slug("工業")
    assert len(slug("x" * 500)) == 40


def test_boards_are_read_without_torch(made_board: Path) -> None:
    code = (
        "import sys; from bench.cli import main; code = main(['leaderboard', 'check', sys.argv[1]]); "
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(made_board)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4 entries: 0 errors\n"

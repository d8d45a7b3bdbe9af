"""Bad suites: each message names file, line and field, and what was probably meant."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_plugins import PLUGINS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, SuiteError, SuiteErrors
from bench.suite.load import load_suite
from groundwork.documents import MAX_BYTES

LINES = """\
name: bad
version: 1
task: texturing
cases: {source: meshes, path: assets}
views: {azimuths: [0, 90], background: white}
seeds: [0]
references:
  photos: {folder: photos}
generators:
  - {name: ours, use: renders}
  - name: theirs
    use: pictures
    path: outputs
metrics:
  - detail
  - distance: {reference: photos}
primary: [detail]
gates: {detail: {delta: 0.02}}
"""

# what is replaced, by what; then the line, the field, and a part of the message that helps
TABLE = [
    ("generators:", "generater:", 9, "generater", "did you mean 'generators'"),
    ("background:", "backgruond:", 5, "views.backgruond", "did you mean 'background'"),
    ("path: assets", "pth: assets", 4, "cases.pth", "did you mean 'path'"),
    ("source: meshes", "source: mesh", 4, "cases.source", "did you mean 'meshes'"),
    ("source: meshes, ", "", 4, "cases.source", "source: miniworld"),
    ("source: meshes", "source: promts", 4, "cases.source", "did you mean 'prompts'"),
    ("source: meshes, path: assets", "source: prompts", 4, "cases.path", "'path' is missing"),
    ("source: meshes", "source: prompts", 3, "task", "task: text_to_multiview"),
    ("task: texturing", "task: texturin", 3, "task", "did you mean 'texturing'"),
    ("version: 1", "version: '1'", 2, "version", "a whole number"),
    ("version: 1", "version: 0", 2, "version", "greater than or equal to 1"),
    ("version: 1\n", "", 1, "version", "'version' is missing"),
    ("name: bad", "name: ../bad", 1, "name", "letters, digits"),
    ("name: bad", "name: 12", 1, "name", "a text"),
    ("[0, 90]", "[0, ninety]", 5, "views.azimuths.1", "a number"),
    ("[0, 90]", "[0, 360]", 5, "views.azimuths", "different azimuths"),
    ("[0, 90]", "[0, 90], elevation: [0, 10, 20]", 5, "views.azimuths", "as many azimuths as elevations, 3"),
    ("[0, 90]", "[0, 90], elevation: [90, 90]", 5, "views.azimuths", "different azimuths"),
    ("[0, 90]", "[0, 90], elevation: [0, high]", 5, "views.elevation.1", "a number"),
    ("[0, 90]", "[0, 90], frame: 1.1", 5, "views", "distance and fov in place of frame"),
    ("[0, 90]", "[0, 90], projection: orthographic, distance: 2", 5, "views", "frame in place of distance"),
    ("[0, 90]", "[]", 5, "views.azimuths", "at least 1"),
    ("background: white", "background: blanc", 5, "views.background", "'#rrggbb'"),
    ("background: white", "background: '#fff'", 5, "views.background", "'#rrggbb'"),
    ("background: white", "resolution: 8", 5, "views.resolution", "greater than or equal to 16"),
    ("background: white", "resolution: 100000", 5, "views.resolution", "less than or equal to 4096"),
    ("background: white", "fov: 180", 5, "views.fov", "less than or equal to 150"),
    ("background: white", "elevation: 91", 5, "views.elevation", "less than or equal to 90"),
    ("seeds: [0]", "seeds: [0, 0]", 6, "seeds", "different seeds"),
    ("seeds: [0]", "seeds: [-1]", 6, "seeds.0", "greater than or equal to 0"),
    ("seeds: [0]", "seeds: [true]", 6, "seeds.0", "a whole number"),
    ("seeds: [0]", "seeds: 0", 6, "seeds", "a list"),
    ("seeds: [0]", "seeds: [0]\nseeds: [1]", 7, "seeds", "comes twice"),
    ("folder: photos}", "foldr: photos}", 8, "references.photos", "did you mean 'folder'"),
    ("folder: photos}", "folder: ''}", 8, "references.photos.folder", "the path is empty"),
    ("folder: photos}", "folder: a, shipped: b}", 8, "references.photos", "exactly one of"),
    ("folder: photos}", "miniworld: {splt: eval}}", 8, "references.photos.miniworld.splt", "did you mean 'split'"),
    ("folder: photos}", "shipped: photo_cutout}", 8, "references.photos.shipped", "did you mean 'photo_cutouts'"),
    ("folder: photos}", "built: mime}", 8, "references.photos.built", "did you mean 'mine'"),
    ("folder: photos}", "generator: our}", 8, "references.photos.generator", "did you mean 'ours'"),
    ("use: renders", "use: render", 10, "generators.ours.use", "did you mean 'renders'"),
    ("use: renders", "use: 'os.path:join'", 10, "generators.ours.use", "is a function, not a class"),
    ("use: renders", "use: 'nowhere.at.all:X'", 10, "generators.ours.use", "could not be imported"),
    ("use: renders", "use: ':'", 10, "generators.ours.use", "could not be imported"),
    ("use: renders", "use: renders, strenth: 1", 10, "generators.ours.strenth", "did you mean 'strength'"),
    ("use: renders", "use: renders, strength: much", 10, "generators.ours.strength", "a number"),
    (", use: renders", "", 10, "generators.ours.use", "'use' is missing"),
    ("    path: outputs\n", "", 11, "generators.theirs.path", "needs the option 'path'"),
    ("name: theirs", "name: Ours", 11, "generators.Ours.name", "two generators are called"),
    ("- detail", "- detial", 15, "metrics.detial", "did you mean 'detail'"),
    ("- detail", "- {detail: {}, distance: {}}", 15, "metrics.0", "one key"),
    ("- detail", "- 3", 15, "metrics.0", "a metric's name"),
    ("- detail", "- detail: {depth: 3}", 15, "metrics.detail.depth", "no options"),
    ("- detail", "- detail\n  - detail", 16, "metrics.1", "measured twice"),
    ("{reference: photos}", "{reference: photo}", 16, "metrics.distance.reference", "did you mean 'photos'"),
    ("{reference: photos}", "{}", 16, "metrics.distance.reference", "needs the option 'reference'"),
    (
        "{reference: photos}",
        "{reference: photos, extractor: poled}",
        16,
        "metrics.distance.extractor",
        "did you mean 'pooled'",
    ),
    ("primary: [detail]", "primary: [detial]", 17, "primary.0", "did you mean 'detail'"),
    ("primary: [detail]", "primary: [distance]", 17, "primary.0", "did you mean 'distance[pooled]@photos'"),
    ("primary: [detail]", "primary: [detail_coverage]", 17, "primary.0", "cannot be primary: everyone has it"),
    ("primary: [detail]", "shown_first: [thiers]", 17, "shown_first.0", "did you mean 'theirs'"),
    ("primary: [detail]", "shown_first: [theirs, theirs]", 17, "shown_first.1", "comes twice"),
    ("primary: [detail]", "primary: [detail, detail]", 17, "primary.1", "comes twice"),
    ("gates: {detail:", "gates: {detai:", 18, "gates.detai", "did you mean 'detail'"),
    ("delta: 0.02", "delta: -1", 18, "gates.detail.delta", "greater than or equal to 0"),
    ("delta: 0.02", "delta: .nan", 18, "gates.detail.delta", "a number"),
    ("delta: 0.02", "dleta: 1, delta: 1", 18, "gates.detail.dleta", "did you mean 'delta'"),
    ("task: texturing", "task: text_to_multiview", 15, "metrics.detail", "needs a mesh"),
]


def _problems(file: Path) -> tuple[SuiteError, ...]:
    with pytest.raises(SuiteError) as caught:
        load_suite(file, plugins=PLUGINS)
    return caught.value.problems if isinstance(caught.value, SuiteErrors) else (caught.value,)


def test_the_table_starts_from_a_good_suite(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(LINES)
    assert load_suite(file, plugins=PLUGINS).name == "bad"


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), TABLE, ids=lambda value: str(value)[:28])
def test_message_names_line_field_and_remedy(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    assert LINES.count(old) == 1 or old == "- detail"
    file = tmp_path / "bad.yaml"
    file.write_text(LINES.replace(old, new, 1))
    found = [problem for problem in _problems(file) if problem.where == f"{file}:{line}: {field}"]
    assert len(found) == 1, [problem.where for problem in _problems(file)]
    assert says in str(found[0])


SYNTAX = [
    ("", "empty"),
    ("   \n\n", "empty"),
    ("# only a comment\n", "not a section"),
    ("- a\n- b\n", "not a section"),
    ("just words", "not a section"),
    ("name: a\n\tversion: 1\n", "spaces, not tabs"),
    ("name: [1, 2\n", "this is not YAML"),
    ("name: a\n---\nname: b\n", "second YAML document"),
    ("name: &a x\nversion: *a\n", "anchors and aliases"),
    ("name: !!python/object/apply:os.system [ls]\n", "is not read"),
    ("name: !!binary aGk=\n", "is not read"),
    ('name: "\\0"\n', "control characters"),
    ('name: "\\e[31m"\n', "control characters"),
    ('name: "\\ud800"\n', "not valid Unicode"),
    ("name: \x07\n", "does not allow"),
    ("? [a, b]\n: c\n", "a key is not a name"),
    ("version: " + "9" * 5000 + "\n", "64 bits"),
    ("version: 1e999\n", "64 bits"),
    ("name: " + "[" * 3000 + "]" * 3000 + "\n", "nested too deeply"),
    ("<<: {name: a}\n", "unknown key: '<<'"),
]


@pytest.mark.parametrize(("text", "says"), SYNTAX, ids=lambda value: repr(value)[:28])
def test_text_that_is_no_suite(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    problems = _problems(file)
    assert says in "\n".join(map(str, problems))
    assert all(str(file) in problem.where for problem in problems)


def test_expansion_bomb_is_refused_at_once(tmp_path: Path) -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9 if i else ['x'] * 9)}]" for i in range(12)]
    file = tmp_path / "bomb.yaml"
    file.write_text("\n".join(levels))
    start = time.perf_counter()
    (problem,) = _problems(file)
    assert time.perf_counter() - start < 1
    assert "anchors and aliases" in str(problem)
    assert problem.where == f"{file}:1"


def test_files_that_cannot_be_suites(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("#" * (MAX_BYTES + 1))
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(LINES.replace("name: bad", "name: bad\ndescription: caf\u00e9").encode("latin-1"))
    for source, says in [
        (large, "too large"),
        (latin, "not UTF-8"),
        (tmp_path, "not a file"),
        (tmp_path / "missing.yaml", "there is no suite"),
        (Path("/dev/null"), "not a file"),
        ("a\0b", "there is no suite"),
        ("x" * 5000, "there is no suite"),
    ]:
        with pytest.raises(SuiteError, match=says):
            load_suite(source, plugins=PLUGINS)
    assert _problems(latin)[0].where == f"{latin}:2"


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    text = LINES.replace("use: renders", "use: render").replace("task: ", "tsk: ").replace("- detail", "- detial")
    file.write_text(text.replace("folder: photos}", "folder: photos}\n  photos: {folder: b}"))
    fields = {problem.where.rpartition(" ")[2] for problem in _problems(file)}
    assert fields == {"photos", "tsk", "task", "generators.ours.use", "metrics.detial"} - {"references.photos"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
def test_no_text_escapes_the_error_tree(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fuzz.yaml"
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    _must_load_or_tell(file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damaged_suite_escapes_the_error_tree(tmp_path: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(LINES) - 1))
    length = data.draw(st.integers(0, 12))
    junk = data.draw(
        st.one_of(st.text(max_size=8), st.sampled_from(["[", "{", "}", ": ", "- ", "null", "1e5", "&a", "*a"]))
    )
    file = tmp_path / "fuzz.yaml"
    file.write_bytes((LINES[:start] + junk + LINES[start + length :]).encode("utf-8", errors="surrogatepass"))
    _must_load_or_tell(file)


def _must_load_or_tell(file: Path) -> None:
    try:
        load_suite(file, plugins=PLUGINS)
    except BenchError as error:
        assert str(error)
        str(error).encode()


def test_timings_are_not_gated(tmp_path: Path) -> None:
    file = tmp_path / "timed.yaml"
    file.write_text(
        "name: timed\nversion: 1\ntask: texturing\ncases: {source: miniworld, split: eval, count: 2}\n"
        "views: {azimuths: [0, 90]}\ngenerators:\n  - {name: floor, use: floor}\n"
        "metrics: [silhouette_iou, throughput]\ngates: {silhouette_iou: {delta: 0.02}, latency_p50: {delta: 1}}\n"
    )
    with pytest.raises(SuiteError, match="'latency_p50' cannot be gated") as caught:
        load_suite(file)
    assert "gates.latency_p50" in caught.value.where and "realiz3d_gate.race" in str(caught.value)


def test_endless_lists_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text(LINES.replace("  - detail\n", "  - detail\n" * 20_000))
    started = time.process_time()
    with pytest.raises(SuiteError, match="these are 20001 metrics") as caught:
        load_suite(file, plugins=PLUGINS)
    assert caught.value.expected == "at most 1000" and time.process_time() - started < 20

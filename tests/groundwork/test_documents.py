"""Suites and training configs are read by one reader: the same text means the same in both, and fails alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_plugins import PLUGINS

pytest.importorskip("diffusers")

from bench.errors import SuiteError, SuiteErrors
from bench.suite.load import load_suite
from groundwork.documents import MAX_BYTES
from realiz3d.errors import UsageError
from realiz3d.training import load_config

SUITE = """\
version: 1
task: texturing
cases: {source: meshes, path: assets}
metrics: [detail]
"""
CONFIG = """\
base: {checkpoint: some/model}
data: {synthetic: {path: objects}, real: {path: photos}}
"""

# lines that both may begin with, and the seed that they give or what both say of them
TEXTS = [
    ("name: a\nseed: 0x10", 16),
    ("name: a\nseed: 0o17", 15),
    ("name: a\nseed: 010", 10),
    ("name: a\nseed: +7", 7),
    ("name: a\nseed: 1e1", "seed: 10.0 does not fit 'seed'"),
    ("name: a\nseed: 1_000", "seed: '1_000' does not fit 'seed'"),
    ("name: a\nseed: yes", "seed: 'yes' does not fit 'seed'"),
    ("name: a\nseed: 2026-01-31", "seed: '2026-01-31' does not fit 'seed'"),
    ("name: a\nseed: 1e400", "2: the number does not fit 64 bits"),
    ("name: a\nseed: " + "9" * 20, "2: the number does not fit 64 bits"),
    ("name: a\nseed: .nan", "seed: '.nan' does not fit 'seed'"),
    ('name: "a\\e[31m"', "1: the text holds control characters"),
    ('name: "a\\ud800"', "1: the text is not valid Unicode"),
    ("name: a\n1: x", "1: unknown key: '1'"),
    ("name: a\ntrue: x", "2: a key is not a name"),
    ("name: a\nseed: 1\nseed: 2", "seed: the key 'seed' comes twice"),
    ("name: &a b", "1: YAML anchors and aliases are not read"),
    ("name: !!str a", "1: the YAML tag tag:yaml.org,2002:str is not read"),
    ("name: a\n<<: {seed: 1}", "<<: unknown key: '<<'"),
    ("name: a\nseed: " + "[" * 40 + "]" * 40, "2: lists and sections are nested too deeply"),
    ("name: a\n---\nname: b", "2: a second YAML document begins here"),
    ("name: [a", "this is not YAML"),
    ("name: a\n\tseed: 1", "this is not YAML"),
    ("name: \x07", "a character that YAML does not allow"),
]


def outcome(load, file: Path) -> int | list[str]:
    try:
        return load(file).seed
    except SuiteErrors as error:
        found = list(error.problems)
    except UsageError as error:
        found = [error]
    # of a problem the line, the field and what is wrong; what is expected names fields of one kind of document
    return [f"{problem.where.removeprefix(f'{file}:')}: {problem.message}" for problem in found]


@pytest.mark.parametrize(("text", "meaning"), TEXTS, ids=[repr(text)[:28] for text, _ in TEXTS])
def test_a_text_means_the_same_in_a_suite_and_in_a_training_config(
    tmp_path: Path, text: str, meaning: int | str
) -> None:
    suite, config = tmp_path / "suite.yaml", tmp_path / "config.yaml"
    suite.write_text(f"{text}\n{SUITE}", encoding="utf-8")
    config.write_text(f"{text}\n{CONFIG}", encoding="utf-8")
    found = outcome(lambda file: load_suite(file, plugins=PLUGINS), suite)
    assert found == outcome(load_config, config)
    if isinstance(meaning, int):
        assert found == meaning
    else:
        assert isinstance(found, list) and len(found) == 1 and meaning in found[0]


@pytest.mark.parametrize(
    ("override", "meaning"),
    [
        ("seed=0x10", 16),
        ("seed=1e400", "--set seed=1e400: the number does not fit 64 bits"),
        ("seed=[1", "--set seed=[1: this is not YAML"),
        ("seed={a: 1, a: 2}", "the key 'a' comes twice"),
        ("seed.x=1", "is a value"),
        ("seed", "--set does not understand 'seed'"),
        ("sede=1", "--set sede=1: sede: unknown key: 'sede'"),
        ("name=\x1b[31m", "the text holds control characters"),
    ],
)
def test_set_means_the_same_in_both(tmp_path: Path, override: str, meaning: int | str) -> None:
    suite, config = tmp_path / "suite.yaml", tmp_path / "config.yaml"
    suite.write_text(f"name: a\nseed: 3\n{SUITE}")
    config.write_text(f"name: a\nseed: 3\n{CONFIG}")
    found = outcome(lambda file: load_suite(file, [override], PLUGINS), suite)
    assert found == outcome(lambda file: load_config(file, [override]), config)
    assert found == meaning or meaning in found[0]


@pytest.mark.parametrize("load", [load_suite, load_config])
def test_files_that_are_no_documents(tmp_path: Path, load) -> None:
    for name, content, says in [
        ("large.yaml", b"#" * (MAX_BYTES + 1), "too large"),
        ("latin.yaml", b"name: a\ndescription: caf\xe9\n", "latin.yaml:2"),
        ("empty.yaml", b" \n", "is empty"),
        ("list.yaml", b"- a\n", "not a section of keys"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=says):
            load(tmp_path / name)
    for source, says in [(tmp_path, "is not a file"), (tmp_path / "none.yaml", "there is no"), ("a\0b", "there is no")]:
        with pytest.raises(UsageError, match=says):
            load(source)


def test_all_that_is_wrong_with_a_config_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"name: a\nseed: 1\nseed: 2\ntsk: texturing\n{CONFIG}optimisation: {{betas: [0.9, 2]}}\n")
    with pytest.raises(UsageError) as caught:
        load_config(file, ["method.rnak=3"])
    blocks = str(caught.value).split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [
        "the key 'seed' comes twice",
        "unknown key: 'rnak'",
        "2 does not fit '1'",
        "unknown key: 'tsk'",
    ]
    assert f"{file}:7: optimisation.betas.1" in blocks[2] and "--set method.rnak=3: method.rnak" in blocks[1]


def test_errors_of_both_trees_have_one_base() -> None:
    from bench import errors as benchs
    from groundwork.errors import ImageError, InputError, UserError
    from realiz3d import errors as realiz3ds

    assert benchs.BenchError is realiz3ds.RealizError is UserError
    assert benchs.ImageError is realiz3ds.ImageError is ImageError
    assert issubclass(realiz3ds.DataError, InputError) and issubclass(benchs.MeshError, InputError)
    assert issubclass(SuiteError, benchs.UsageError) and benchs.UsageError is realiz3ds.UsageError

"""Who may import whom: data flow one way, and no two modules need each other."""

from __future__ import annotations

from pathlib import Path

from import_graph import circles, import_graph

ROOT = Path(__file__).parents[1]
PACKAGES = ("groundwork", "realiz3d", "baselines", "bench", "reports", "suites")


def layers() -> list[list[str]]:
    """CONTRIBUTING's drawing from the ground up; rooms without a package's name are those of bench."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = text.split("reads this drawing", 1)[1].split("```")[1]
    lines = [line.partition("(")[0].split() for line in drawing.strip().splitlines()]
    return [[room if room in PACKAGES else f"bench.{room.replace('/', '.')}" for room in line] for line in lines[::-1]]


HEIGHTS = {room: height for height, rooms in enumerate(layers()) for room in rooms}


def room_of(module: str) -> str:
    """The room of the longest name that a module lies in."""
    if module in ("bench", "bench.__main__"):  # the version, which everybody may print, and the start of it all
        module = "bench.errors" if module == "bench" else "bench.cli"
    found = [room for room in HEIGHTS if f"{module}.".startswith(f"{room}.")]
    assert found, f"{module} is in no room that CONTRIBUTING draws"
    return max(found, key=len)


def test_data_flow_one_way() -> None:
    graph = import_graph(ROOT, PACKAGES, inside_functions=True)
    assert {room_of(module) for module in graph} == set(HEIGHTS)
    wrong = [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if room_of(module) != room_of(other) and HEIGHTS[room_of(module)] <= HEIGHTS[room_of(other)]
    ]
    assert not wrong, "\n".join(sorted(wrong))


def test_no_modules_import_each_other() -> None:
    assert circles(import_graph(ROOT, PACKAGES, inside_functions=True)) == []


def test_the_graph_sees_what_it_should(tmp_path: Path) -> None:
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.c import C\n"
        "def f():\n    from made import b\n"
    )
    (package / "b.py").write_text("try:\n    import made.a\nexcept ImportError:\n    pass\n")
    (package / "c.py").write_text("from made.a import f\n")
    always = import_graph(tmp_path, ("made",), inside_functions=False)
    assert always == {"made": set(), "made.a": set(), "made.b": {"made.a"}, "made.c": {"made.a"}}
    ever = import_graph(tmp_path, ("made",), inside_functions=True)
    assert ever["made.a"] == {"made.b"} and circles(ever) == [["made.a", "made.b"]] and circles(always) == []

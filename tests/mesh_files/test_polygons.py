"""Polygons to triangles: no triangle leaves its polygon, and together they cover it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import MeshError
from bench.mesh_files.polygons import triangulate

ARROW = [[0, 0], [2, 0], [0.5, 0.5], [0, 2]]  # concave at its third corner
COMB = [[0, 0], [5, 0], [5, 2], [4, 0.5], [3, 2], [2, 0.5], [1, 2], [0, 2]]


def covered(corners, turn=0):
    """Area of the polygon, and of the triangles that it becomes, each counted with its sign."""
    flat = np.roll(np.array(corners, float), turn, axis=0)
    points = np.pad(flat, ((0, 0), (0, 1)))
    places, polygon = triangulate(points, np.array([len(points)]), np.arange(len(points)))
    assert (polygon == 0).all()
    a, b, c = (points[places[:, k]] for k in range(3))
    x, y = flat.T
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2, np.cross(b - a, c - a)[:, 2] / 2


@pytest.mark.parametrize("corners", [ARROW, COMB, COMB[::-1], [[0, 0], [1, 0], [1, 1], [0, 1]]])
@pytest.mark.parametrize("turn", range(4))
def test_every_triangle_lies_inside(corners, turn):
    whole, parts = covered(corners, turn)
    assert len(parts) == len(corners) - 2
    assert (np.sign(parts) == np.sign(whole)).all()
    assert parts.sum() == pytest.approx(whole)


@pytest.mark.parametrize("axes", [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]])
def test_polygons_of_any_direction(axes):
    points = np.pad(np.array(COMB, float), ((0, 0), (0, 1)))[:, axes]
    places, _ = triangulate(points, np.array([8]), np.arange(8))
    a, b, c = (points[places[:, k]] for k in range(3))
    vectors = np.cross(b - a, c - a)
    assert np.linalg.norm(vectors, axis=1).sum() == pytest.approx(np.linalg.norm(vectors.sum(axis=0)))


def test_polygons_keep_their_order():
    points = np.pad(np.array([*ARROW, [0, 0], [1, 0], [0, 1]], float), ((0, 0), (0, 1)))
    places, polygon = triangulate(points, np.array([3, 2, 4]), np.array([4, 5, 6, 0, 1, 0, 1, 2, 3]))
    assert polygon.tolist() == [0, 2, 2]
    assert places[0].tolist() == [0, 1, 2]
    assert set(places[1:].ravel()) == {5, 6, 7, 8}


def test_a_polygon_that_crosses_itself_ends():
    _, parts = covered([[0, 0], [1, 1], [1, 0], [0, 1], [0.5, 3]])
    assert len(parts) == 3


def test_a_polygon_that_crosses_itself_becomes_as_many_triangles_as_any():
    star = [[0, 3], [2, -3], [-3, 1], [3, 1], [-2, -3], [0, 0]]
    _, parts = covered(star)
    assert len(parts) == 4


def test_large_polygons_that_are_not_convex_are_refused(monkeypatch):
    monkeypatch.setattr("bench.mesh_files.polygons.MAX_CORNERS", 7)
    with pytest.raises(MeshError, match="has 8 corners"):
        covered(COMB)
    circle = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    assert len(covered(np.stack([np.cos(circle), np.sin(circle)], axis=1))[1]) == 48

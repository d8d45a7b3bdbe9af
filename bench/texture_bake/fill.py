"""Colours for texels that no view sees: spread along the surface, never through space or across gaps of the atlas.

The nearest painted texel in space may belong to whatever stands before the hole; the nearest one in the atlas to a
chart that lies elsewhere on the object. So distance is measured along the surface: from texel to neighbouring texel
within a chart, and over seams between texels of two charts that lie at one place. Each hole takes the colour of its
nearest painted texel, and is then smoothed towards the harmonic surface that its rim spans: a guess without detail.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from bench.geometry.mesh import FloatArray

SEAM = 3.0  # texels; border texels of two charts that are no further apart hang together
SMOOTHING = 150  # steps of conjugate gradients, enough for holes of a few hundred texels


def fill_along_surface(
    colours: FloatArray, painted: npt.NDArray[np.bool_], chart: npt.NDArray[np.int32], place: FloatArray
) -> FloatArray:
    """Colours of all texels of the charts; painted ones keep theirs.

    `colours` float64 (S, S, 3); `painted` bool (S, S); `chart` int32 (S, S), -1 between the charts; `place` float64
    (S, S, 3), the texels' points in the world. Parts of the surface that hang together with no painted texel get the
    mean of the painted ones. Texels between charts are left as they are.
    """
    covered = chart >= 0
    hole = covered & ~painted
    if not hole.any():
        return colours
    number = np.full(chart.shape, -1, dtype=np.int64)
    number[covered] = np.arange(int(covered.sum()))
    graph = _surface_graph(number, chart, place)
    known, known_colours = painted[covered], colours[covered]

    nearest = _nearest_painted(graph, known)
    reached = nearest >= 0
    filled = np.where(reached[:, None], known_colours[nearest], known_colours[known].mean(axis=0))
    filled[known] = known_colours[known]
    _smooth(filled, graph, reached & ~known)
    answer = colours.copy()
    answer[covered] = filled
    return answer


def fill_gutters(colours: FloatArray, covered: npt.NDArray[np.bool_]) -> FloatArray:
    """Texels between charts take their nearest chart texel's colour, so that filters at borders see no gap."""
    row, column = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return np.asarray(colours[row, column])


def _surface_graph(number: npt.NDArray[np.int64], chart: npt.NDArray[np.int32], place: FloatArray) -> csr_array:
    """Distances along the surface between neighbouring texels, symmetric (T, T)."""
    first, second = [], []
    border = chart >= 0
    inner = border.copy()
    inner[0], inner[-1], inner[:, 0], inner[:, -1] = False, False, False, False
    for one, other in (
        ((slice(None, -1),), (slice(1, None),)),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        together = (chart[one] == chart[other]) & (chart[one] >= 0)
        first.append(number[one][together])
        second.append(number[other][together])
        inner[one] &= together
        inner[other] &= together
    points = place[chart >= 0]
    label = chart[chart >= 0]
    steps = np.concatenate([np.linalg.norm(points[a] - points[b], axis=1) for a, b in zip(first, second, strict=True)])
    edge = number[(chart >= 0) & ~inner]
    if len(edge) > 1 and len(steps):
        # several neighbours, because the nearest ones belong to the texel's own chart
        reach = SEAM * float(np.median(steps))
        tree = cKDTree(points[edge])
        _, near = tree.query(points[edge], k=min(12, len(edge)), distance_upper_bound=reach)
        near = near.reshape(len(edge), -1)
        a = np.repeat(edge, near.shape[1])
        known = near.ravel() < len(edge)
        a, b = a[known], edge[near.ravel()[known]]
        across = (label[a] != label[b]) & (a < b)
        first.append(a[across])
        second.append(b[across])
    a, b = np.concatenate(first), np.concatenate(second)
    # a distance of zero would be no edge
    length = np.maximum(np.linalg.norm(points[a] - points[b], axis=1), 1e-9)
    half = coo_array((length, (a, b)), shape=(len(points),) * 2).tocsr()
    return csr_array(half.maximum(half.T))


def _nearest_painted(graph: csr_array, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each texel the painted one that is nearest along the surface, -1 where none can be reached."""
    beside_hole = np.asarray((graph[np.flatnonzero(known)] @ (~known).astype(np.float64)) > 0).ravel()
    sources = np.flatnonzero(known)[beside_hole]
    if not len(sources):
        return np.full(len(known), -1, dtype=np.int64)
    distance, _, nearest = dijkstra(graph, directed=False, indices=sources, min_only=True, return_predecessors=True)
    return np.where(np.isfinite(distance), nearest, -1).astype(np.int64)


def _smooth(colours: FloatArray, graph: csr_array, free: npt.NDArray[np.bool_]) -> None:
    """Bring `free` texels, in place, to the means of their neighbours: the Laplace equation, begun at `colours`."""
    links = graph.astype(bool).astype(np.float64)
    inside = links[np.flatnonzero(free)]
    laplace = diags_array(np.asarray(inside.sum(axis=1)).ravel()) - inside[:, np.flatnonzero(free)]
    rim = inside[:, np.flatnonzero(~free)]
    for channel in range(3):
        values = colours[:, channel]
        values[free], _ = cg(laplace, rim @ values[~free], values[free], rtol=1e-4, maxiter=SMOOTHING)

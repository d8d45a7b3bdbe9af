"""From a glTF scene to parts in the world: node transforms, instances, skins and morph targets in their rest pose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.errors import MeshError
from bench.geometry.mesh import FloatArray, Mesh
from bench.mesh_files.assets import AssetFolder
from bench.mesh_files.gltf.accessors import Accessors
from bench.mesh_files.gltf.document import Document
from bench.mesh_files.gltf.fields import Entry
from bench.mesh_files.gltf.materials import Materials
from bench.mesh_files.gltf.primitives import Primitives, Shape
from bench.mesh_files.part import MAX_FACES, Part, join

MAX_NODES = 100_000
MAX_PARTS = 20_000  # each takes its time, however few faces it has
_INSTANCE_KINDS = {"TRANSLATION": "VEC3", "ROTATION": "VEC4", "SCALE": "VEC3"}


def read_gltf(data: bytes, path: Path, assets: AssetFolder, notes: list[str]) -> Mesh:
    """The default scene of a glTF or GLB file as one mesh. Raises `MeshError`."""
    document = Document(data, path, assets, notes)
    return join(_Scene(document).parts(), path, linear_colours=True)


class _Scene:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.accessors = Accessors(document)
        self.primitives = Primitives(self.accessors, Materials(document))
        self.shapes: dict[tuple[object, ...], Shape | None] = {}
        self.faces = 0

    def parts(self) -> list[Part]:
        """Every visible primitive of the scene, in the order in which its nodes are listed."""
        document = self.document
        if document.table("animations"):
            document.note("animations are left out: the mesh is read as it stands at rest")
        world, visible = self._world(self._roots())
        parts: list[Part] = []
        for index in visible:
            node = document.entry("nodes", index)
            if "mesh" in node:
                for part in self._meshes(node, world[index], world):
                    self.faces += len(part.faces)
                    if self.faces > MAX_FACES:
                        raise MeshError(
                            "the mesh has too many faces", where=str(document.path), expected=f"at most {MAX_FACES}"
                        )
                    parts.append(part)
                    if len(parts) > MAX_PARTS:
                        raise MeshError(
                            "the mesh has too many parts",
                            where=str(document.path),
                            expected=f"at most {MAX_PARTS}",
                            hint="join those of one material: most modellers can",
                        )
        return parts

    def _roots(self) -> list[int]:
        scenes = self.document.table("scenes")
        nodes = self.document.table("nodes")
        if len(nodes) > MAX_NODES:
            raise MeshError(
                f"the mesh has too many nodes: {len(nodes)}",
                where=str(self.document.path),
                expected=f"at most {MAX_NODES}",
            )
        if not scenes:
            children = {child for node in nodes for child in node.integers("children")}
            return [index for index in range(len(nodes)) if index not in children]
        chosen = self.document.root.integer("scene", 0)
        if len(scenes) > 1:
            self.document.note(f"the file has {len(scenes)} scenes; number {chosen}, its default, is read")
        return self.document.entry("scenes", chosen).integers("nodes")

    def _world(self, roots: list[int]) -> tuple[dict[int, FloatArray], list[int]]:
        """The matrix of every node of the scene, and the visible ones in depth-first order."""
        world: dict[int, FloatArray] = {}
        visible: list[int] = []
        waiting: list[tuple[int, FloatArray, bool]] = [(root, np.eye(4), True) for root in reversed(roots)]
        while waiting:
            index, above, seen = waiting.pop()
            node = self.document.entry("nodes", index)
            if index in world:
                raise MeshError(
                    "the node is below itself, or below two others", where=node.place, expected="a tree of nodes"
                )
            local = _local(node)
            world[index] = above if local is None else above @ local
            shown = node.extension("KHR_node_visibility")
            if shown is not None and not shown.flag("visible", True):
                seen = False
                self.document.note("nodes that are marked as not visible are left out")
            if seen:
                visible.append(index)
            waiting += [(child, world[index], seen) for child in reversed(node.integers("children"))]
        return world, visible

    def _meshes(self, node: Entry, matrix: FloatArray, world: dict[int, FloatArray]) -> Iterator[Part]:
        mesh = self.document.entry("meshes", node.integer("mesh"))
        weights = self._morph_weights(mesh, node)
        skin = self.document.entry("skins", node.integer("skin")) if "skin" in node else None
        places = [matrix @ one for one in self._instances(node)]
        for index, primitive in enumerate(mesh.items("primitives")):
            key = (mesh.place, index, weights, skin is not None)
            if key not in self.shapes:
                self.shapes[key] = self.primitives.read(primitive, weights, skin is not None)
            shape = self.shapes[key]
            if shape is None:
                continue
            if skin is not None and shape.joints is not None:
                yield self._skinned(shape, skin, world)
                continue
            for place in places:
                yield shape.part.placed(place)

    def _morph_weights(self, mesh: Entry, node: Entry) -> tuple[float, ...]:
        primitives = mesh.items("primitives")
        if not primitives:
            raise mesh.wrong("primitives", "one or more primitives")
        count = len(primitives[0].items("targets"))
        source = node if "weights" in node else mesh
        return source.numbers("weights", count, (0.0,) * count)

    def _instances(self, node: Entry) -> list[FloatArray]:
        """Matrices of EXT_mesh_gpu_instancing, in the node's frame; the identity alone without it."""
        found = node.extension("EXT_mesh_gpu_instancing")
        if found is None:
            return [np.eye(4)]
        given = found.need("attributes")
        kinds = {name: kind for name, kind in _INSTANCE_KINDS.items() if name in given}
        counts = {self.accessors.count(given.integer(name)) for name in kinds}
        if len(counts) != 1:
            raise MeshError("instances have no, or different, numbers of transforms", where=given.place)
        count = counts.pop()
        if count > MAX_NODES:
            raise MeshError(
                f"the mesh has too many instances: {count}", where=given.place, expected=f"at most {MAX_NODES}"
            )
        moves = {name: self.accessors.floats(given.integer(name), (kind,)) for name, kind in kinds.items()}
        translation = moves.get("TRANSLATION", np.zeros((count, 3)))
        rotation = moves.get("ROTATION", np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)))
        scale = moves.get("SCALE", np.ones((count, 3)))
        return [_composed(t, _rotation(r, given), s) for t, r, s in zip(translation, rotation, scale, strict=True)]

    def _skinned(self, shape: Shape, skin: Entry, world: dict[int, FloatArray]) -> Part:
        """The part in the pose in which the file's joints stand; the node's own transform does not count."""
        joints = skin.integers("joints")
        lost = [joint for joint in joints if joint not in world]
        if lost or not joints:
            raise MeshError(f"the skin's joints {lost[:3]} are not in the scene", where=skin.place)
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            stored = self.accessors.floats(skin.integer("inverseBindMatrices"), ("MAT4",))
            if len(stored) < len(joints):
                raise skin.wrong("inverseBindMatrices", f"{len(joints)} matrices")
            inverse = stored[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)
        pose = np.stack([world[joint] for joint in joints]) @ inverse
        assert shape.joints is not None
        assert shape.weights is not None
        used = np.where(shape.weights > 0, shape.joints, 0)
        if used.max() >= len(joints):
            raise MeshError(
                f"a vertex hangs on joint {int(used.max())}", where=skin.place, expected=f"0 ... {len(joints) - 1}"
            )
        part = shape.part
        points = np.hstack([part.vertices, np.ones((len(part.vertices), 1))])
        vertices = np.zeros_like(part.vertices)
        normals = None if part.normals is None else np.zeros_like(part.normals)
        mean = np.zeros((3, 3))
        for slot in range(used.shape[1]):
            matrices, weight = pose[used[:, slot]], shape.weights[:, slot, None]
            mean += np.einsum("nz,nij->ij", weight, matrices[:, :3, :3])
            vertices += weight * np.einsum("nij,nj->ni", matrices[:, :3], points)
            if normals is not None and part.normals is not None:
                normals += weight * np.einsum("nij,nj->ni", matrices[:, :3, :3], part.normals)
        faces = part.faces[:, ::-1] if np.linalg.det(mean) < 0 else part.faces  # as a whole the pose mirrors
        return Part(vertices, faces, normals, part.uv, part.colours, part.surface).compact()


def _local(node: Entry) -> FloatArray | None:
    """A node's own matrix; None for the identity."""
    if "matrix" in node:
        matrix = np.array(node.numbers("matrix", 16)).reshape(4, 4).T
        if tuple(matrix[3]) != (0.0, 0.0, 0.0, 1.0):
            raise node.wrong("matrix", "an affine matrix, its last row 0 0 0 1")
        return matrix
    if not ("translation" in node or "rotation" in node or "scale" in node):
        return None
    rotation = _rotation(np.array(node.numbers("rotation", 4, (0.0, 0.0, 0.0, 1.0))), node)
    return _composed(
        np.array(node.numbers("translation", 3, (0.0,) * 3)), rotation, np.array(node.numbers("scale", 3, (1.0,) * 3))
    )


def _composed(translation: FloatArray, rotation: FloatArray, scale: FloatArray) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * scale
    matrix[:3, 3] = translation
    return matrix


def _rotation(quaternion: FloatArray, entry: Entry) -> FloatArray:
    """The matrix of a quaternion x, y, z, w of any length but zero."""
    length = float(np.linalg.norm(quaternion))
    if length < 1e-12:
        raise MeshError("a rotation of zeros", where=entry.place, expected="a unit quaternion x, y, z, w")
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )

"""Textured meshes that some method made, rendered from the suite's views: how texturing results are published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.cases.mesh_folder import mesh_folder_cases
from bench.errors import BenchError, GeneratorError, MeshError, nearest
from bench.generators.base import SingleCaseGenerator
from bench.generators.ground_truth import SUPERSAMPLE
from bench.generators.protocol import GenerationRequest, GeneratorContext
from bench.geometry.mesh import Mesh
from bench.layouts.pattern import composed
from groundwork.hashing import hash_strings
from groundwork.notes import tell


class TexturedMeshOptions(BaseModel):
    """Options of `textured_mesh`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Path = Field(description="folder with one mesh per case (GLB, glTF, OBJ, PLY), named like the case")


class TexturedMeshGenerator(SingleCaseGenerator):
    """Renders the textured meshes of a folder (one per case, named like it) from the suite's views, albedo only."""

    Options: ClassVar[type[BaseModel]] = TexturedMeshOptions
    timed: ClassVar[bool] = False

    def __init__(self, name: str, options: Any, context: GeneratorContext) -> None:
        super().__init__(name, options, context)
        self.folder: Path = context.suite_folder / options.path
        if not self.folder.is_dir():
            raise MeshError(
                f"generator '{name}': the folder of meshes does not exist",
                where=str(self.folder),
                expected="one textured mesh per case (GLB, glTF, OBJ, PLY), named like it",
                hint=f"name yours: --set generators.{name}.path=DIR",
            )
        known = {composed(case.id): case.id for case in context.cases}  # accents may be stored otherwise here
        found = {case.id: case.mesh for case in mesh_folder_cases(self.folder, None) if case.mesh is not None}
        self.meshes = {known.get(composed(name), name): mesh for name, mesh in found.items()}
        for case_id in self.meshes:
            if composed(case_id) not in known:
                raise GeneratorError(
                    f"generator '{name}': mesh '{case_id}' belongs to no case of the suite",
                    where=str(self.folder),
                    hint=nearest(case_id, known.values()),
                )

    def fingerprint(self) -> str:
        """Hash of the renderer's version and of every mesh file; where the folder lies does not matter.

        What reading the meshes leaves out is told here: once a run, before anything is rendered.
        """
        self._tell_notes()
        code = f"textured_mesh v{self.version} {self.context.device.split(':')[0]}"
        return hash_strings([code, *(f"{k}={mesh.fingerprint}" for k, mesh in self.meshes.items())])

    def unusable(self) -> Iterator[BenchError]:
        """What a run will fail on: meshes that are missing, broken or have nothing to show. Tells what is left out."""
        self._tell_notes()
        for case in self.context.cases:
            try:
                self._mesh(case.id)
            except BenchError as error:
                yield error

    def views(self, request: GenerationRequest) -> npt.NDArray[np.uint8]:
        """Raises `MeshError` for a missing mesh or one that has nothing to show."""
        from bench.geometry.rendering import render_albedo

        mesh = self._mesh(request.case.id)
        return render_albedo(mesh, request.cameras, request.background, self.context.device, SUPERSAMPLE)

    def _tell_notes(self) -> None:
        for case_id, mesh in self.meshes.items():
            for note in mesh.notes:
                tell(f"generator '{self.name}', mesh of case '{case_id}': {note}")

    def _mesh(self, case_id: str) -> Mesh:
        handle = self.meshes.get(case_id)
        if handle is None:
            raise MeshError(
                f"generator '{self.name}' has no mesh for case '{case_id}'",
                where=str(self.folder),
                expected=f"a file {case_id}.glb (or .gltf, .obj, .ply)",
            )
        mesh = handle.load()
        if mesh.unpainted:
            raise MeshError(f"the mesh of case '{case_id}' cannot be painted: {mesh.unpainted}")
        if not mesh.has_appearance:
            raise MeshError(
                "the mesh has nothing to show: no texture with coordinates, no vertex colours, no base colour",
                where=f"case '{case_id}' in {self.folder}",
                hint="export the mesh with its texture embedded (GLB), or score rendered pictures with `use: folder`",
            )
        return mesh

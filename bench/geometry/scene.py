"""One object under one set of cameras: its geometry buffers, computed once and shared by generators and metrics."""

from __future__ import annotations

from functools import cached_property

from bench.geometry.cameras import Cameras
from bench.geometry.correspondence import Correspondence, correspond
from bench.geometry.gbuffer import GBuffer
from bench.geometry.mesh import Mesh


class SceneGeometry:
    """Lazily rasterised geometry of `mesh` (normalised) in `cameras`, on `device` ('cpu', 'cuda', 'cuda:1')."""

    def __init__(self, mesh: Mesh, cameras: Cameras, device: str = "cpu") -> None:
        self.mesh, self.cameras, self.device = mesh, cameras, device

    @cached_property
    def gbuffer(self) -> GBuffer:
        """The visible surface of each pixel."""
        from bench.geometry.rasteriser import rasterise

        return rasterise(self.mesh, self.cameras, self.device)

    @cached_property
    def correspondence(self) -> Correspondence:
        """Where each visible point lands in the other views, and whether they see it."""
        return correspond(self.mesh, self.gbuffer, self.device)

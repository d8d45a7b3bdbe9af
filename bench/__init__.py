"""Score photorealistic, 3D-consistent image generators: realism, consistency, control, with honest statistics."""

__version__ = "0.1.0"

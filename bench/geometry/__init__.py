"""Cameras, rasteriser, renders, control maps, correspondence: tensors only, no files and no suites."""

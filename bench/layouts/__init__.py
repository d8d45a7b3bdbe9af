"""How other programs lay out their pictures: patterns of file names, grids, presets by program, the detective."""

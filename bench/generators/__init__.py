"""Sources of images behind one protocol: folders, meshes, and generators whose quality is known."""

"""Generated views of a mesh onto its texture: an atlas by cosine weights, holes filled and counted, GLB out."""

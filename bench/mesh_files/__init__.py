"""Mesh files of strangers, read right or refused by name: glTF, OBJ with MTL, PLY, STL, OFF into one `Mesh`.

One rule: what decides geometry or base colour is honoured or refused by name; what is left out becomes a note. A file
whose geometry is sound but whose surface cannot be painted as it says (a material file or a texture that is missing,
broken or of an unknown kind) is read as geometry: `Mesh.unpainted` says why, and painting it raises that.
"""

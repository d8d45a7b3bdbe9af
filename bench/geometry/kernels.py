"""Rasterisation kernels, one source for CPU and CUDA: an exact fp64 ray test per pixel inside an integer z-buffer.

A vertex arrives as `clip` = (x w, y w, w, depth) with (x, y) in pixels: w = Z in perspective views, 1 in orthographic
ones and in texture space. From the ray through pixel centre p the vertex is at q = (x w - p_x w, y w - p_y w), and the
cross products of a face's three q are its perspective-correct barycentric weights up to their sum. It follows that

- there are no cracks: q depends on vertex and pixel only, and a*b - c*d negates exactly when its operands swap, so two
  faces that share an edge (even where a texture seam splits its vertices) get weights of exactly opposite sign; with an
  antisymmetric rule for zero, every pixel on an edge has exactly one owner;
- faces that reach behind the camera need no clipping, because nothing is divided by w: a hit counts if its depth does;
- resolving a pixel later repeats the same arithmetic and finds the same point.

Fused multiply-add would break the antisymmetry (it rounds only one of the products), therefore `fuse_fp` is off; that
also makes CPU and CUDA agree.
"""
# Kernels are written in Warp's language; Python's types do not describe it.
# mypy: ignore-errors

import warp as wp

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

EMPTY_KEY = 2**63 - 1
DEPTH_STEPS = wp.constant(wp.float64(2147483647.0))  # 31 bits, so that a key stays positive in int64
EMPTY = wp.constant(wp.int64(EMPTY_KEY))
FACE_BITS = wp.constant(wp.int64(0xFFFFFFFF))


@wp.func
def seen_from(vertex: wp.vec4d, x: wp.float64, y: wp.float64) -> wp.vec2d:
    """The vertex relative to the ray through (x, y), scaled by w."""
    return wp.vec2d(vertex[0] - x * vertex[2], vertex[1] - y * vertex[2])


@wp.func
def cross(a: wp.vec2d, b: wp.vec2d) -> wp.float64:
    """Twice the signed area between two vectors of the plane; exactly -cross(b, a)."""
    return a[0] * b[1] - a[1] * b[0]


@wp.func
def left_of(weight: wp.float64, a: wp.vec2d, b: wp.vec2d) -> bool:
    """Side of the edge a -> b on which the pixel lies; on the edge itself, the side of a pixel moved by (-e^2, e)."""
    tie = a[0] < b[0] or (a[0] == b[0] and a[1] < b[1])
    return weight > wp.float64(0.0) or (weight == wp.float64(0.0) and tie)


@wp.func
def barycentric_at(a: wp.vec4d, b: wp.vec4d, c: wp.vec4d, x: wp.float64, y: wp.float64) -> wp.vec3d:
    """Weights of the face's plane at the ray through (x, y); perspective-correct. For pixels known to be inside."""
    p, q, r = seen_from(a, x, y), seen_from(b, x, y), seen_from(c, x, y)
    weights = wp.vec3d(cross(q, r), cross(r, p), cross(p, q))
    return weights / (weights[0] + weights[1] + weights[2])


@wp.kernel
def to_clip(
    vertices: wp.array(dtype=wp.vec3d, ndim=1),
    matrices: wp.array(dtype=wp.mat44d, ndim=1),
    clip: wp.array(dtype=wp.vec4d, ndim=2),
):
    """Vertices of the world to `clip` coordinates of each view. One kernel, so that split vertices stay identical."""
    view, vertex = wp.tid()
    v = vertices[vertex]
    clip[view, vertex] = matrices[view] * wp.vec4d(v[0], v[1], v[2], wp.float64(1.0))


@wp.kernel
def keep_nearest(
    clip: wp.array(dtype=wp.vec4d, ndim=2),
    faces: wp.array(dtype=wp.vec3i, ndim=1),
    depth_range: wp.array(dtype=wp.vec2d, ndim=1),
    near_plane: wp.float64,
    lanes: int,
    peel: bool,
    peeled: wp.array(dtype=wp.int64, ndim=3),
    keys: wp.array(dtype=wp.int64, ndim=3),
):
    """keys[view, row, column] = min over the faces that cover the pixel of depth31 << 32 | face.

    With `peel`, only keys beyond `peeled` compete: the next layer. The launch is (views, faces, lanes); lanes share the
    rows of a face, which is what keeps a GPU busy on a mesh of few large faces.
    """
    view, face, lane = wp.tid()
    corner = faces[face]
    a, b, c = clip[view, corner[0]], clip[view, corner[1]], clip[view, corner[2]]
    height, width = keys.shape[1], keys.shape[2]
    if wp.max(wp.max(a[2], b[2]), c[2]) <= wp.float64(0.0):
        return

    left, right, top, bottom = 0, width - 1, 0, height - 1
    if wp.min(wp.min(a[2], b[2]), c[2]) > wp.float64(0.0):
        ax, bx, cx = a[0] / a[2], b[0] / b[2], c[0] / c[2]
        ay, by, cy = a[1] / a[2], b[1] / b[2], c[1] / c[2]
        # rounded outwards by a hair, because the quotients are rounded and the test below is exact
        slack = wp.float64(0.5 + 1.0e-6)
        end_x, end_y = wp.float64(width), wp.float64(height)
        low, high = wp.float64(-1.0), wp.float64(0.5 - 1.0e-6)
        left = wp.max(0, int(wp.ceil(wp.clamp(wp.min(wp.min(ax, bx), cx) - slack, low, end_x))))
        right = wp.min(width - 1, int(wp.floor(wp.clamp(wp.max(wp.max(ax, bx), cx) - high, low, end_x))))
        top = wp.max(0, int(wp.ceil(wp.clamp(wp.min(wp.min(ay, by), cy) - slack, low, end_y))))
        bottom = wp.min(height - 1, int(wp.floor(wp.clamp(wp.max(wp.max(ay, by), cy) - high, low, end_y))))

    near, scale = depth_range[view][0], DEPTH_STEPS / (depth_range[view][1] - depth_range[view][0])
    for row in range(top + lane, bottom + 1, lanes):
        y = wp.float64(row) + wp.float64(0.5)
        for column in range(left, right + 1):
            x = wp.float64(column) + wp.float64(0.5)
            p, q, r = seen_from(a, x, y), seen_from(b, x, y), seen_from(c, x, y)
            wa, wb, wc = cross(q, r), cross(r, p), cross(p, q)
            side = left_of(wa, q, r)
            if side == left_of(wb, r, p) and side == left_of(wc, p, q):
                total = wa + wb + wc
                if total != wp.float64(0.0):
                    depth = (wa * a[3] + wb * b[3] + wc * c[3]) / total
                    if depth > near_plane:
                        step = wp.clamp((depth - near) * scale, wp.float64(0.0), DEPTH_STEPS)
                        key = (wp.int64(step) << wp.int64(32)) | wp.int64(face)
                        if not peel or key > peeled[view, row, column]:
                            wp.atomic_min(keys, view, row, column, key)


@wp.kernel
def resolve(
    keys: wp.array(dtype=wp.int64, ndim=3),
    clip: wp.array(dtype=wp.vec4d, ndim=2),
    faces: wp.array(dtype=wp.vec3i, ndim=1),
    face: wp.array(dtype=wp.int32, ndim=3),
    barycentric: wp.array(dtype=wp.vec3d, ndim=3),
):
    """Winning face and exact weights of each pixel; background stays as the arrays came."""
    view, row, column = wp.tid()
    key = keys[view, row, column]
    if key == EMPTY:
        return
    winner = int(key & FACE_BITS)
    corner = faces[winner]
    x, y = wp.float64(column) + wp.float64(0.5), wp.float64(row) + wp.float64(0.5)
    face[view, row, column] = winner
    barycentric[view, row, column] = barycentric_at(
        clip[view, corner[0]], clip[view, corner[1]], clip[view, corner[2]], x, y
    )


@wp.kernel
def describe(
    face: wp.array(dtype=wp.int32, ndim=3),
    barycentric: wp.array(dtype=wp.vec3d, ndim=3),
    clip: wp.array(dtype=wp.vec4d, ndim=2),
    faces: wp.array(dtype=wp.vec3i, ndim=1),
    vertices: wp.array(dtype=wp.vec3d, ndim=1),
    normals: wp.array(dtype=wp.vec3d, ndim=1),
    eyes: wp.array(dtype=wp.vec4d, ndim=1),
    depth: wp.array(dtype=wp.float64, ndim=3),
    position: wp.array(dtype=wp.vec3d, ndim=3),
    normal: wp.array(dtype=wp.vec3d, ndim=3),
    face_normal: wp.array(dtype=wp.vec3d, ndim=3),
    cosine: wp.array(dtype=wp.float64, ndim=3),
):
    """Depth, point, normals and cosine of the visible surface. `eyes` is homogeneous: a point, or (direction, 0)."""
    view, row, column = wp.tid()
    winner = face[view, row, column]
    if winner < 0:
        return
    corner, weight, eye = faces[winner], barycentric[view, row, column], eyes[view]
    i, j, k = corner[0], corner[1], corner[2]
    depth[view, row, column] = (
        weight[0] * clip[view, i][3] + weight[1] * clip[view, j][3] + weight[2] * clip[view, k][3]
    )
    point = weight[0] * vertices[i] + weight[1] * vertices[j] + weight[2] * vertices[k]
    to_eye = wp.normalize(wp.vec3d(eye[0], eye[1], eye[2]) - eye[3] * point)

    flat = wp.normalize(wp.cross(vertices[j] - vertices[i], vertices[k] - vertices[i]))
    if wp.dot(flat, to_eye) < wp.float64(0.0):
        flat = -flat
    smooth = weight[0] * normals[i] + weight[1] * normals[j] + weight[2] * normals[k]
    length = wp.length(smooth)
    smooth = smooth / length if length > wp.float64(1.0e-12) else flat
    # onto the visible side of the surface, whatever the winding; a test against the ray instead would tear
    # silhouettes, where interpolated normals rightly lean a little away from the camera
    if wp.dot(smooth, flat) < wp.float64(0.0):
        smooth = -smooth
    position[view, row, column] = point
    normal[view, row, column] = smooth
    face_normal[view, row, column] = flat
    cosine[view, row, column] = wp.clamp(wp.dot(flat, to_eye), wp.float64(0.0), wp.float64(1.0))

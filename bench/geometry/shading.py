"""Albedo kernels: what a fragment looks like, and how fragments add up to a pixel. Shared by CPU and CUDA.

Everything happens on sRGB values as stored: there is no light, so there is nothing to do in linear light, and a texture
that faces the camera comes back as it was painted.
"""
# Kernels are written in Warp's language; Python's types do not describe it.
# mypy: ignore-errors

import warp as wp

from bench.geometry.kernels import EMPTY, FACE_BITS, barycentric_at

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

OPAQUE, MASK, BLEND = 0, 1, 2


@wp.func
def unit(value: wp.vec4ub) -> wp.vec4f:
    """Bytes to [0, 1]."""
    return wp.vec4f(float(value[0]), float(value[1]), float(value[2]), float(value[3])) / 255.0


@wp.func
def sample(texels: wp.array(dtype=wp.vec4ub, ndim=1), slot: wp.vec4i, u: wp.float64, v: wp.float64) -> wp.vec4f:
    """Bilinear, repeating texture look-up; `slot` is (first texel, height, width, -). v = 0 is the bottom row."""
    first, height, width = slot[0], slot[1], slot[2]
    x = (u - wp.floor(u)) * wp.float64(width) - wp.float64(0.5)
    y = (wp.float64(1.0) - (v - wp.floor(v))) * wp.float64(height) - wp.float64(0.5)
    left, top = int(wp.floor(x)), int(wp.floor(y))
    fx, fy = float(x - wp.floor(x)), float(y - wp.floor(y))
    x0, x1 = (left + width) % width, (left + 1) % width
    y0, y1 = first + (top + height) % height * width, first + (top + 1) % height * width
    upper = unit(texels[y0 + x0]) * (1.0 - fx) + unit(texels[y0 + x1]) * fx
    lower = unit(texels[y1 + x0]) * (1.0 - fx) + unit(texels[y1 + x1]) * fx
    return upper * (1.0 - fy) + lower * fy


@wp.kernel
def shade(
    keys: wp.array(dtype=wp.int64, ndim=3),
    clip: wp.array(dtype=wp.vec4d, ndim=2),
    faces: wp.array(dtype=wp.vec3i, ndim=1),
    face_material: wp.array(dtype=wp.int32, ndim=1),
    uv: wp.array(dtype=wp.vec2d, ndim=1),
    painted: bool,
    colours: wp.array(dtype=wp.vec4ub, ndim=1),
    texels: wp.array(dtype=wp.vec4ub, ndim=1),
    slots: wp.array(dtype=wp.vec4i, ndim=1),
    factors: wp.array(dtype=wp.vec4f, ndim=1),
    cutoffs: wp.array(dtype=wp.float32, ndim=1),
    supersample: int,
    transmittance: wp.array(dtype=wp.float32, ndim=3),
    image: wp.array(dtype=wp.vec4f, ndim=3),
):
    """Add one layer of fragments to `image` (premultiplied mean over the pixel's samples).

    `transmittance` is what each sample lets through so far. Samples that let nothing through leave the z-buffer, so
    that peeling stops there. The mean is taken after compositing: a sample is a point, a pixel is not.
    """
    view, row, column = wp.tid()
    total = wp.vec4f(0.0, 0.0, 0.0, 0.0)
    for i in range(supersample):
        for j in range(supersample):
            r, c = row * supersample + i, column * supersample + j
            key = keys[view, r, c]
            if key != EMPTY:
                face = int(key & FACE_BITS)
                corner, material = faces[face], face_material[face]
                k, m, n = corner[0], corner[1], corner[2]
                x, y = wp.float64(c) + wp.float64(0.5), wp.float64(r) + wp.float64(0.5)
                weight = barycentric_at(clip[view, k], clip[view, m], clip[view, n], x, y)
                slot, factor = slots[material], factors[material]
                value = wp.vec4f(factor[0], factor[1], factor[2], factor[3])
                if slot[1] > 0:
                    at = weight[0] * uv[k] + weight[1] * uv[m] + weight[2] * uv[n]
                    value = wp.cw_mul(value, sample(texels, slot, at[0], at[1]))
                if painted:
                    colour = (
                        unit(colours[k]) * float(weight[0])
                        + unit(colours[m]) * float(weight[1])
                        + unit(colours[n]) * float(weight[2])
                    )
                    value = wp.cw_mul(value, colour)
                cut = slot[3] == MASK and value[3] < cutoffs[material]
                alpha = wp.where(slot[3] == BLEND, wp.clamp(value[3], 0.0, 1.0), wp.where(cut, 0.0, 1.0))
                through = transmittance[view, r, c]
                amount = through * alpha
                total += wp.vec4f(value[0] * amount, value[1] * amount, value[2] * amount, amount)
                transmittance[view, r, c] = through * (1.0 - alpha)
                if alpha == 1.0:
                    keys[view, r, c] = EMPTY
    image[view, row, column] = image[view, row, column] + total / float(supersample * supersample)

"""Albedo kernels: what a fragment looks like, and how fragments add up to a pixel. Shared by CPU and CUDA.

Everything happens on sRGB values as stored: there is no light, so there is nothing to do in linear light, and a texture
that faces the camera comes back as it was painted. The exception are vertex colours of glTF files: the format asks that
they be blended, and multiplied onto texture and factor, in linear light.
"""
# Kernels are written in Warp's language; Python's types do not describe it.
# mypy: ignore-errors

import warp as wp

from bench.geometry.kernels import EMPTY, FACE_BITS, barycentric_at

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

OPAQUE, MASK, BLEND = 0, 1, 2
REPEAT, MIRROR, CLAMP = 0, 1, 2
UNPAINTED, AS_STORED, LINEAR = 0, 1, 2  # vertex colours: none, blended as stored, blended in linear light


@wp.func
def unit(value: wp.vec4ub) -> wp.vec4f:
    """Bytes to [0, 1]."""
    return wp.vec4f(float(value[0]), float(value[1]), float(value[2]), float(value[3])) / 255.0


@wp.func
def decode(value: float) -> float:
    """sRGB in [0, 1] to linear light, IEC 61966-2-1."""
    return wp.where(value <= 0.04045, value / 12.92, wp.pow((value + 0.055) / 1.055, 2.4))


@wp.func
def encode(light: float) -> float:
    """The inverse of `decode`."""
    return wp.where(light <= 0.0031308, 12.92 * light, 1.055 * wp.pow(light, 1.0 / 2.4) - 0.055)


@wp.func
def linear(value: wp.vec4ub) -> wp.vec4f:
    """sRGB bytes to linear light; alpha is linear already."""
    stored = unit(value)
    return wp.vec4f(decode(stored[0]), decode(stored[1]), decode(stored[2]), stored[3])


@wp.func
def tinted(value: wp.vec4f, light: wp.vec4f) -> wp.vec4f:
    """An sRGB colour under a linear one. White leaves it exactly as it is."""
    if light[0] >= 1.0 and light[1] >= 1.0 and light[2] >= 1.0:
        return wp.vec4f(value[0], value[1], value[2], value[3] * light[3])
    return wp.vec4f(
        encode(decode(value[0]) * light[0]),
        encode(decode(value[1]) * light[1]),
        encode(decode(value[2]) * light[2]),
        value[3] * light[3],
    )


@wp.func
def inside(texel: int, count: int, wrap: int) -> int:
    """The texel, in [0, count), that stands at any place of an endless row."""
    if wrap == CLAMP:
        return wp.clamp(texel, 0, count - 1)
    period = wp.where(wrap == MIRROR, 2 * count, count)
    place = texel % period
    place = wp.where(place < 0, place + period, place)
    return wp.where(place < count, place, 2 * count - 1 - place)


@wp.func
def near(coordinate: wp.float64, wrap: int) -> wp.float64:
    """The coordinate, moved by whole periods towards [0, 1]: what is far away would overflow texels' numbers."""
    if wrap == REPEAT:
        return coordinate - wp.floor(coordinate)
    if wrap == MIRROR:
        return coordinate - wp.float64(2.0) * wp.floor(coordinate * wp.float64(0.5))
    return wp.clamp(coordinate, wp.float64(-1.0), wp.float64(2.0))


@wp.func
def sample(
    texels: wp.array(dtype=wp.vec4ub, ndim=1), slot: wp.vec4i, look: wp.vec3i, u: wp.float64, v: wp.float64
) -> wp.vec4f:
    """Texture look-up; v = 0 is the bottom row.

    `slot` is (first texel, height, width, -), `look` the wrap of u and of v, and whether texels are blended.
    """
    first, height, width = slot[0], slot[1], slot[2]
    x = near(u, look[0]) * wp.float64(width)
    y = (wp.float64(1.0) - near(v, look[1])) * wp.float64(height)
    if look[2] == 0:
        column = inside(int(wp.floor(x)), width, look[0])
        return unit(texels[first + inside(int(wp.floor(y)), height, look[1]) * width + column])
    x -= wp.float64(0.5)
    y -= wp.float64(0.5)
    left, top = int(wp.floor(x)), int(wp.floor(y))
    fx, fy = float(x - wp.floor(x)), float(y - wp.floor(y))
    x0, x1 = inside(left, width, look[0]), inside(left + 1, width, look[0])
    y0 = first + inside(top, height, look[1]) * width
    y1 = first + inside(top + 1, height, look[1]) * width
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
    painted: int,
    colours: wp.array(dtype=wp.vec4ub, ndim=1),
    texels: wp.array(dtype=wp.vec4ub, ndim=1),
    slots: wp.array(dtype=wp.vec4i, ndim=1),
    looks: wp.array(dtype=wp.vec3i, ndim=1),
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
                    value = wp.cw_mul(value, sample(texels, slot, looks[material], at[0], at[1]))
                if painted == LINEAR:
                    light = (
                        linear(colours[k]) * float(weight[0])
                        + linear(colours[m]) * float(weight[1])
                        + linear(colours[n]) * float(weight[2])
                    )
                    value = tinted(value, light)
                if painted == AS_STORED:
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

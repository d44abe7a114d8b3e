"""Spheres and sticks as pixels: an orthographic view, drawn by hand with numpy.

Solid things leave their depth, normal and colour in every pixel that they are nearest to; light, the
darkening of crevices, outlines and fog come afterwards from these three images. Glass spheres are laid
over the picture one by one, those farthest away first. Lengths are nm; the viewer looks along -z.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

Image = NDArray[np.float32]
Array = NDArray[np.float64]

LIGHT = np.array([-0.45, 0.6, 0.66]) / np.linalg.norm([-0.45, 0.6, 0.66])  #: towards the light
GLEAM = np.array([-0.45, 0.6, 1.66]) / np.linalg.norm([-0.45, 0.6, 1.66])  #: between light and viewer
NOWHERE = -1e6  #: depth of pixels that nothing covers
CREVICE, OUTLINE = 0.06, 0.05  #: nm; blur of the darkening, and the step in depth that gets an outline
COARSE = 4  #: the blur is made of every so many pixels
FOG = 0.62  #: share of the paper in the colour of the farthest things


@dataclass(frozen=True)
class Camera:
    """An orthographic view.

    Attributes:
        rotation: Turns positions into the view: x to the right, y up, z to the viewer, (3, 3).
        centre: Of the picture in the view, nm, (2,).
        scale: Pixels per nm.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        near: Depth of the nearest thing, nm.
        far: Depth of the farthest thing, nm.
    """

    rotation: Array
    centre: Array
    scale: float
    width: int
    height: int
    near: float
    far: float

    @classmethod
    def around(cls, rotation: Array, points: Array, margin: float, width: int, height: int) -> Camera:
        """The view that just holds all points (n, 3) with ``margin`` nm around each."""
        seen = points @ rotation.T
        low, high = seen.min(axis=0) - margin, seen.max(axis=0) + margin
        scale = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
        return cls(rotation, (low + high)[:2] / 2, scale, width, height, float(high[2]), float(low[2]))

    def view(self, points: Array) -> Array:
        """Points (n, 3) as pixel column, pixel row and depth (nm), (n, 3)."""
        seen = points @ self.rotation.T
        column = (seen[:, 0] - self.centre[0]) * self.scale + self.width / 2
        row = self.height / 2 - (seen[:, 1] - self.centre[1]) * self.scale
        return np.stack([column, row, seen[:, 2]], axis=1)

    def fog(self, depth: Array | Image) -> Array | Image:
        """How much of the colour is left at a depth: all of it near, little far away."""
        return 1 - FOG * np.clip((self.near - depth) / max(self.near - self.far, 1e-9), 0, 1) ** 1.3


def turned(azimuth: float, elevation: float) -> Array:
    """Rotation of a viewer who has walked ``azimuth`` about z and risen by ``elevation``, degrees, (3, 3)."""
    a, e = np.radians([azimuth, elevation])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    towards = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    return np.stack([right, np.cross(towards, right), towards])


class Canvas:
    """A picture in the making, on paper of one colour.

    Args:
        camera: Where it is seen from.
        paper: Red, green, blue, 0 to 1.
    """

    def __init__(self, camera: Camera, paper: tuple[float, float, float]) -> None:
        self.camera = camera
        shape = (camera.height, camera.width)
        self.paper = np.asarray(paper, dtype=np.float32)
        self.depth = np.full(shape, NOWHERE, dtype=np.float32)
        self.normal = np.zeros((*shape, 3), dtype=np.float32)
        self.colour = np.broadcast_to(self.paper, (*shape, 3)).copy()

    def spheres(self, centres: Array, radii: Array, colours: Array) -> None:
        """Solid spheres: centres (n, 3), radii (n,), colours (n, 3)."""
        for (x, y, z), radius, colour in zip(self.camera.view(centres), radii, colours, strict=True):
            window, across, up = self._window(x, y, radius)
            square = across**2 + up**2
            height = np.sqrt(np.maximum(radius**2 - square, 0))
            normal = np.stack([across, up, height], axis=-1) / radius
            self._put(window, square < radius**2, z + height, normal, colour)

    def sticks(self, starts: Array, ends: Array, radius: float, first: Array, second: Array) -> None:
        """Solid sticks, half in the colour of each end: starts, ends, first, second (n, 3)."""
        views = zip(self.camera.view(starts), self.camera.view(ends), first, second, strict=True)
        for begin, end, one, other in views:
            scale = np.array([1 / self.camera.scale, -1 / self.camera.scale, 1])
            axis = (end - begin) * scale
            length = max(np.linalg.norm(axis), 1e-6)
            axis /= length
            middle = (begin + end) / 2
            window, across, up = self._window(middle[0], middle[1], np.hypot(*axis[:2]) * length / 2 + radius)
            half = length / 2
            # The line of sight meets the cylinder where |o + t d| = radius, with o, d across the axis.
            along = across * axis[0] + up * axis[1]
            o = np.stack([across - along * axis[0], up - along * axis[1], -along * axis[2]], axis=-1)
            d = np.array([0, 0, 1.0]) - axis[2] * axis
            a, b, c = d @ d, o @ d, (o**2).sum(-1) - radius**2
            inside = b * b - a * c
            t = (-b + np.sqrt(np.maximum(inside, 0))) / max(a, 1e-9)
            place = along + t * axis[2]
            covered = (inside > 0) & (np.abs(place) < half)
            colour = np.where((place < 0)[..., None], one, other)
            self._put(window, covered, middle[2] + t, (o + t[..., None] * d) / radius, colour)

    def _window(self, x: float, y: float, reach: float) -> tuple[tuple[slice, slice], Array, Array]:
        """The pixels within ``reach`` nm of pixel position x, y: slices, and nm to the right and up."""
        scale, size = self.camera.scale, reach * self.camera.scale
        rows = slice(max(0, int(y - size)), min(self.camera.height, int(y + size) + 2))
        columns = slice(max(0, int(x - size)), min(self.camera.width, int(x + size) + 2))
        across = (np.arange(columns.start, max(columns.start, columns.stop)) + 0.5 - x) / scale
        up = (y - np.arange(rows.start, max(rows.start, rows.stop)) - 0.5) / scale
        return (rows, columns), *np.meshgrid(across, up)

    def _put(self, window: tuple[slice, slice], covered: NDArray[np.bool_], depth: Array, normal: Array,
             colour: Array) -> None:
        """Keep what is nearest."""
        nearer = covered & (depth > self.depth[window])
        self.depth[window][nearer] = depth[nearer]
        self.normal[window][nearer] = normal[nearer]
        self.colour[window][nearer] = np.broadcast_to(colour, normal.shape)[nearer]

    def shade(self) -> None:
        """Light the solid things; call it once, when all of them are drawn."""
        solid = self.depth > NOWHERE
        lit = 0.52 + 0.5 * np.maximum(self.normal @ LIGHT.astype(np.float32), 0)
        colour = self.colour * lit[..., None] + 0.35 * _gleam(self.normal, 40)[..., None]
        colour *= (self._crevices(solid) * self._outlines(solid))[..., None]
        fog = self.camera.fog(self.depth)[..., None]
        self.colour = np.where(solid[..., None], fog * np.clip(colour, 0, 1) + (1 - fog) * self.paper, self.paper)

    def _crevices(self, solid: NDArray[np.bool_]) -> Image:
        """Darker where the neighbourhood is nearer to the viewer (Luft, Colditz, Deussen, SIGGRAPH 2006)."""
        depth = np.where(solid, self.depth, self.camera.far).astype(np.float32)
        height, width = depth.shape
        above = np.zeros_like(depth)
        for blur in (CREVICE / 2, CREVICE * 2):
            coarse = gaussian_filter(depth[::COARSE, ::COARSE], blur * self.camera.scale / COARSE)
            around = coarse.repeat(COARSE, axis=0).repeat(COARSE, axis=1)[:height, :width]
            above += 0.6 * np.maximum(around - depth, 0)
        return np.exp(-3.0 * np.minimum(above, 0.3))

    def _outlines(self, solid: NDArray[np.bool_]) -> Image:
        """Darker just behind the edge of something nearer."""
        depth = np.where(solid, self.depth, self.camera.far)
        size = 2 * max(1, round(0.004 * self.camera.scale)) + 1
        step = maximum_filter(depth, size) - depth
        return 1 - 0.55 * np.clip((step - OUTLINE) / OUTLINE, 0, 1)

    def glass(self, centres: Array, radii: Array, colours: Array, middle: float, rim: float) -> None:
        """Translucent spheres over the shaded picture, the farthest first.

        Args:
            centres: nm, (n, 3).
            radii: nm, (n,).
            colours: Red, green and blue, 0 to 1, (n, 3).
            middle: Opacity in the middle, 0 to 1.
            rim: Opacity at the rim, 0 to 1.
        """
        seen = self.camera.view(centres)
        for k in np.argsort(seen[:, 2], kind="stable"):
            (x, y, z), radius = seen[k], radii[k]
            window, across, up = self._window(x, y, radius)
            square = across**2 + up**2
            height = np.sqrt(np.maximum(radius**2 - square, 0))
            normal = np.stack([across, up, height], axis=-1) / radius
            edge = (1 - height / radius) ** 2
            smooth = np.clip((radius - np.sqrt(square)) * self.camera.scale, 0, 1)
            cover = smooth * (z + height > self.depth[window])
            fog = self.camera.fog(z)
            lit = 0.76 + 0.34 * np.maximum(normal @ LIGHT, 0) - 0.2 * edge
            tint = fog * np.clip(colours[k] * lit[..., None], 0, 1) + (1 - fog) * self.paper
            alpha = ((middle + (rim - middle) * edge) * cover)[..., None]
            mixed = self.colour[window] * (1 - alpha) + alpha * tint
            gleam = (fog * rim * cover * _gleam(normal, 50))[..., None]
            self.colour[window] = mixed + gleam * (1 - mixed)

    def image(self, smaller: int = 2) -> Image:
        """The picture (height, width, 3), 0 to 1, made ``smaller`` by averaging so that edges are smooth."""
        h, w = self.camera.height // smaller, self.camera.width // smaller
        blocks = self.colour[:h * smaller, :w * smaller].reshape(h, smaller, w, smaller, 3)
        return np.clip(blocks.mean(axis=(1, 3)), 0, 1)


def _gleam(normal: Array | Image, sharpness: int) -> Array | Image:
    """The bright spot on a smooth surface (Blinn and Phong)."""
    return np.maximum(normal @ GLEAM.astype(np.float32), 0) ** sharpness

"""Counter-based random numbers: a number depends on its name, not on those drawn before it.

Row s of a draw follows from (seed, step, frame, sweep, bead, candidate) and from how many numbers
that site has used. So results do not depend on the size of windows, batches or chunks.
The mixing function is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) applied as a keyed hash.
"""
from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


def _signed(value: int) -> int:
    """A 64-bit pattern as the int64 that holds it."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX1 = _signed(0xBF58476D1CE4E5B9)
_MIX2 = _signed(0x94D049BB133111EB)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift; torch's shift of int64 is arithmetic."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """SplitMix64's finaliser on int64 bit patterns; overflow wraps."""
    x = (x ^ _shift(x, 30)) * _MIX1
    x = (x ^ _shift(x, 27)) * _MIX2
    return x ^ _shift(x, 31)


def hashed(*words: Tensor) -> Tensor:
    """One int64 key from several int64 words, element by element (broadcast)."""
    key = torch.zeros_like(words[0])
    for word in words:
        key = mix((key ^ word) + _GOLDEN)
    return key


def seed_of(seed: int, replica: int) -> int:
    """The seed of one replica of a run, below 2^63; that of replica 0 is the run's own."""
    return int(Stream.of(seed, "replica", replica).key) & ((1 << 63) - 1) if replica else seed


def seed_named(seed: int, name: str) -> int:
    """A seed below 2^63 that follows from another, for draws that are to have nothing to do with those of it."""
    return int(Stream.of(seed, name).key) & ((1 << 63) - 1)


@dataclass(eq=False)
class Stream:
    """A stream of random numbers for each of S sites.

    Attributes:
        key: Key of each site's stream, (S,) int64.
        used: How many numbers of each stream are used up.
    """

    key: Tensor
    used: int = field(default=0)

    @classmethod
    def of(cls, *words: int | str | Tensor, size: int = 1, device: str | torch.device = "cpu") -> Stream:
        """Create the stream named by ``words``, e.g. seed, step, frames, sweep, beads.

        Args:
            words: Integers, strings and tensors (S,), which name each site's stream.
            size: Number of sites where no word is a tensor.
            device: Torch device of the numbers.
        """
        rows = [_word(w, size, device) for w in words]
        return cls(hashed(*torch.broadcast_tensors(*rows)))

    def child(self, *words: int | str) -> Stream:
        """Return an independent stream of the same sites, named by further words."""
        rows = [_word(w, len(self.key), self.key.device) for w in words]
        return Stream(hashed(self.key, *rows))

    def at(self, sites: Tensor) -> Stream:
        """Return the streams of some of the sites, in their present state."""
        return Stream(self.key[sites], self.used)

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform float64 numbers in the open interval (0, 1), (S, *shape)."""
        count = math.prod(shape)
        counter = torch.arange(self.used, self.used + count, device=self.key.device)
        self.used += count
        bits = _shift(mix(self.key[:, None] + (counter + 1) * _GOLDEN), 11)
        # The largest value would round to 1.
        return ((bits.double() + 0.5) * 2.0**-53).clamp_max(1 - 2.0**-53).reshape(len(self.key), *shape)

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal float64 numbers, (S, *shape), by inversion."""
        return torch.special.ndtri(self.uniform(*shape))

    def rotation(self) -> Tensor:
        """Draw a uniform random rotation matrix for each site, (S, 3, 3) (Shoemake 1992)."""
        u = self.uniform(3)
        a, b = (1 - u[:, 0]).sqrt(), u[:, 0].sqrt()
        s, t = 2 * math.pi * u[:, 1], 2 * math.pi * u[:, 2]
        x, y, z, w = a * s.sin(), a * s.cos(), b * t.sin(), b * t.cos()
        rows = [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
                2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
                2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]
        return torch.stack(rows, dim=-1).reshape(-1, 3, 3)


def _word(word: int | str | Tensor, size: int, device: str | torch.device) -> Tensor:
    if isinstance(word, Tensor):
        return word.to(device=device, dtype=torch.int64)
    if isinstance(word, str):
        word = zlib.crc32(word.encode())
    return torch.full((size,), _signed(word), dtype=torch.int64, device=device)


def numpy_generator(*words: int | str) -> np.random.Generator:
    """Create the numpy generator named by integers and strings, for random numbers that do not belong to sites."""
    entropy = [zlib.crc32(w.encode()) if isinstance(w, str) else w & ((1 << 63) - 1) for w in words]
    return np.random.default_rng(entropy)

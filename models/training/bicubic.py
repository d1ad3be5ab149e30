"""The degradation the network learns to undo: halving a picture with the bicubic filter papers use.

Test sets of super-resolution (Set5, Set14, B100) were made with MATLAB's `imresize`. Its filter is Keys' cubic
with a = -0.5 (R. G. Keys, 1981), widened by the factor when shrinking, edge pixels repeated, rows before columns,
and rounded to 8 bits between the two passes.
"""

import numpy as np


def keys_cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5; x in source pixels."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def shrink_axis(values: np.ndarray, size: int) -> np.ndarray:
    """Shrinks axis 0 of a float array [n, ...] to `size` (< n) and rounds to whole 8-bit levels."""
    ratio = values.shape[0] / size
    centre = (np.arange(size) + 0.5) * ratio - 0.5
    reach = int(np.ceil(2 * ratio))
    taps = np.floor(centre).astype(int)[:, None] + np.arange(1 - reach, reach + 1)
    weight = keys_cubic((taps - centre[:, None]) / ratio)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = values[np.clip(taps, 0, values.shape[0] - 1)]
    mixed = np.einsum("st,st...->s...", weight, rows)
    return np.clip(np.floor(mixed + 0.5), 0, 255)


def shrink(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrinks an 8-bit picture [h, w, 3] to [height, width, 3] as MATLAB's imresize does."""
    tall = shrink_axis(picture.astype(np.float64), height)
    wide = shrink_axis(tall.transpose(1, 0, 2), width)
    return wide.transpose(1, 0, 2).astype(np.uint8)

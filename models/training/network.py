"""The built-in model: a plain convolutional network that doubles a picture.

    x ── head ── 10 × body ──(+ head's output)── tail ── (+ x, nearest) ── pixel shuffle ── 2x

3x3 convolutions, 32 channels, LeakyReLU 0.1: 96,844 parameters. Plain layers because they are what a CPU runs
fastest, and 32 channels because its vector units come in blocks of 16.
"""

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = 32
BODY_LAYERS = 10
SLOPE = 0.1
SCALE = 2


class BuiltinX2(nn.Module):
    """Doubles [n, 3, h, w] in [0, 1] to [n, 3, 2h, 2w], not clamped."""

    def __init__(self) -> None:
        super().__init__()
        sub_pixels = 3 * SCALE**2
        self.head = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(BODY_LAYERS))
        self.tail = nn.Conv2d(CHANNELS, sub_pixels, 3, padding=1)
        nearest = torch.eye(3).repeat_interleave(SCALE**2, 0).reshape(sub_pixels, 3, 1, 1)
        self.register_buffer("nearest", nearest)
        self._start_near_identity()

    def _start_near_identity(self) -> None:
        """Body layers start as identity plus a little noise: with usual starts training lingers at "nearest"."""
        with torch.no_grad():
            for layer in [self.head, *self.body, self.tail]:
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
                layer.bias.zero_()
            for layer in self.body:
                layer.weight.mul_(0.3)
                layer.weight[:, :, 1, 1] += torch.eye(CHANNELS)
            self.tail.weight.mul_(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = F.leaky_relu(self.head(x), SLOPE)
        y = first
        for layer in self.body:
            y = F.leaky_relu(layer(y), SLOPE)
        y = self.tail(y + first) + F.conv2d(x, self.nearest.to(x.dtype))
        return F.pixel_shuffle(y, SCALE)


class Pixels(nn.Module):
    """The network with pixels in and pixels out, which is what is shipped.

    Input and output are the bytes of a picture as it lies in memory: uint8 [n, h, w, 3, bytes], little-endian,
    bytes = 1 for 8-bit and 2 for 16-bit channels. So one file serves both depths, and nothing outside the graph
    touches a pixel. Every whole number below 2^16 is exact in float32.
    """

    def __init__(self, network: BuiltinX2) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        place = torch.pow(256.0, torch.arange(pixels.shape[4], dtype=torch.float32))
        largest = place.sum() * 255
        x = (pixels.float() * place).sum(-1) / largest
        y = self.network(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        level = torch.round(y.clamp(0, 1) * largest).unsqueeze(-1)
        digits = torch.floor(level / place) - 256 * torch.floor(level / (place * 256))
        return digits.to(torch.uint8)


def export(network: BuiltinX2, path: str) -> None:
    """Writes the network as ONNX; every axis but the three colours may have any size."""
    network = network.eval().float().to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        Pixels(network),
        torch.zeros(1, 8, 8, 3, 1, dtype=torch.uint8),
        path,
        opset_version=17,
        input_names=["pixels"],
        output_names=["doubled"],
        dynamic_axes={"pixels": {0: "n", 1: "h", 2: "w", 4: "bytes"}, "doubled": {0: "n", 1: "2h", 2: "2w", 4: "bytes"}},
    )

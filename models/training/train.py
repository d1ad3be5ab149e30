"""Trains the built-in model from a folder of photographs and writes it as ONNX.

    python3 train.py --photos FOLDER --out builtin_x2.onnx [--minutes 60 | --steps 60000] [--threads 1]

Needs torch (Debian: python3-torch), numpy and Pillow. Uses a GPU where torch sees one.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from PIL import Image

from bicubic import shrink
from network import SCALE, BuiltinX2, export

PATCH = 48  # low-resolution pixels a side
BATCH = 8
PEAK_RATE = 2e-3
WARM_UP = 0.03  # share of the steps
FULL_PRECISION = 0.05  # the last share of the steps is trained in float32
SHRUNK = (1.0, 0.7)  # photographs are used as they are and shrunk, which hides their JPEG blocks
LUMA = torch.tensor([65.481, 128.553, 24.966]) / 255  # BT.601, RGB in [0, 1] to Y in [0, 219/255]


def load(photos: pathlib.Path) -> tuple[list, list]:
    """(training, hold-out) pairs of (low, high) 8-bit pictures; every 20th photograph is held out."""
    training, held_out = [], []
    files = sorted(f for f in photos.iterdir() if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SystemExit(f"No photographs (.jpg, .png) in {photos}.")
    for index, file in enumerate(files):
        picture = np.asarray(Image.open(file).convert("RGB"))
        held = index % 20 == 7
        for factor in (1.0,) if held else SHRUNK:
            high = picture
            if factor < 1:
                high = shrink(picture, int(picture.shape[0] * factor), int(picture.shape[1] * factor))
            high = high[: high.shape[0] // SCALE * SCALE, : high.shape[1] // SCALE * SCALE]
            low = shrink(high, high.shape[0] // SCALE, high.shape[1] // SCALE)
            if min(low.shape[:2]) >= PATCH:
                (held_out if held else training).append((low, high))
    return training, held_out


def patches(pairs: list, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of patches, each turned and mirrored at random: [BATCH, 3, PATCH, PATCH] and twice that size."""
    lows, highs = [], []
    for index in random.integers(len(pairs), size=BATCH):
        low, high = pairs[index]
        y = random.integers(low.shape[0] - PATCH + 1)
        x = random.integers(low.shape[1] - PATCH + 1)
        turns, mirror = random.integers(4), random.integers(2)
        for picture, scale, into in ((low, 1, lows), (high, SCALE, highs)):
            patch = picture[y * scale : (y + PATCH) * scale, x * scale : (x + PATCH) * scale]
            patch = np.rot90(patch, turns)
            into.append(patch[:, ::-1] if mirror else patch)
    return tuple(torch.from_numpy(np.stack(p)).permute(0, 3, 1, 2).float() / 255 for p in (lows, highs))


def luma(x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nchw,c->nhw", x, LUMA.to(x.device))


def loss_of(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """L1, half of it on RGB and half on luma, which is what eyes and PSNR-Y weigh most."""
    difference = made - wanted
    return 0.5 * difference.abs().mean() + 0.5 * luma(difference).abs().mean()


def psnr(network: BuiltinX2, pairs: list, device: str) -> float:
    """Mean Y-PSNR in dB with a border of SCALE pixels cut off, after rounding to 8 bits."""
    total = 0.0
    with torch.no_grad():
        for low, high in pairs:
            x = torch.from_numpy(low).permute(2, 0, 1)[None].float().to(device) / 255
            made = (network(x).clamp(0, 1) * 255).round() / 255
            wanted = torch.from_numpy(high).permute(2, 0, 1)[None].float().to(device) / 255
            error = luma(made - wanted)[:, SCALE:-SCALE, SCALE:-SCALE]
            total += -10 * torch.log10((error**2).mean()).item()
    return total / len(pairs)


def fast_half(device: str) -> bool:
    """bfloat16 halves the time, but only where the processor multiplies it itself."""
    if device != "cpu":
        return True
    flags = pathlib.Path("/proc/cpuinfo")
    return flags.exists() and any(f in flags.read_text() for f in ("amx_bf16", "avx512_bf16"))


def train(options: argparse.Namespace) -> None:
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training, held_out = load(options.photos)
    network = BuiltinX2().to(device=device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=PEAK_RATE)
    half, started, step, share, slice_loss = fast_half(device), time.time(), 0, 0.0, 0.0
    print(f"{len(training)} pictures, {len(held_out)} held out, {device}, {'bfloat16' if half else 'float32'}", flush=True)
    while share < 1:
        rate = PEAK_RATE * min(1, share / WARM_UP + 1e-3) * 0.5 * (1 + np.cos(np.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = rate
        low, high = (p.to(device=device, memory_format=torch.channels_last) for p in patches(training, random))
        with torch.autocast(device, dtype=torch.bfloat16, enabled=half and share < 1 - FULL_PRECISION):
            made = network(low)
        loss = loss_of(made.float(), high)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        slice_loss += loss.item()
        share = step / options.steps if options.steps else (time.time() - started) / (60 * options.minutes)
        if step % 2000 == 0:
            minutes = (time.time() - started) / 60
            print(f"step {step}, {minutes:.1f} min, loss {slice_loss / 2000:.5f}, hold-out {psnr(network, held_out, device):.3f} dB", flush=True)
            slice_loss = 0.0
    figures = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": step,
        "minutes": round((time.time() - started) / 60, 1),
        "hold_out_db": round(psnr(network, held_out, device), 3),
    }
    export(network.cpu(), str(options.out))
    print(json.dumps(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=pathlib.Path, required=True, help="folder of photographs")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the ONNX file to write")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=60, help="how long to train (default 60)")
    length.add_argument("--steps", type=int, help="how many steps to train, instead of a time")
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())

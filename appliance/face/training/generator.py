"""A face and eight mouth parameters in, the face with that mouth out: the half of the net that draws.

It finds the mouth in the reference, lays out where lips, teeth and tongue go for the parameters (the same geometry as
the teacher's lips), warps the reference to it, and paints what no warp can show.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE = 192
"""Pixels of the face box's side, S."""
CHANNELS = (32, 48, 80, 112)
"""At half, quarter, eighth and sixteenth size; multiples of 16 are what the runtime computes in anyway."""
FINE = 16
"""Channels of what is drawn at half size, where most of the time goes."""
PLACES = 6
"""What is found of a mouth: x, y, tilt, half width, smile, fullness; see `rig.mouth_place`."""
MAPS = 7
SIDE = 16
"""Columns left and right, of 192, that no jaw reaches: they stay the reference's, and cost nothing."""
BOX = (slice(6, 62), slice(46, 146))
"""Rows of the lower half and columns, of 192, that paint may change; the rest is only warped.

Of 576 mouths of 120 people none was painted beyond it by more than 5 levels of 255.
"""
_FADE = 4
"""Pixels at the edges of BOX in which paint fades out, since the head does not see what lies beyond them."""
_REACH = 0.30
"""How far the warp can reach, as a share of half the picture."""


class _Step(nn.Module):
    """Two convolutions; the parameters scale and shift what lies between."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.width = width
        self.film = nn.Linear(code, 2 * width)
        self.first = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.film(code)[:, :, None, None].split(self.width, 1)
        return nn.functional.relu(x + self.second(self.first(x) * (1 + scale) + shift))


def _down(ins: int, outs: int, stride: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(ins, outs, kernel, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU())


class Layout(nn.Module):
    """Where the edges of lips, teeth and tongue are: (B, 7, 48, 80) of signed distances in (-1, 1)."""

    def __init__(self) -> None:
        """Prepare the places of the pixels, each of which stands for two by two."""
        super().__init__()
        rows, columns = torch.arange(0, SIZE // 2, 2) + 0.5, torch.arange(SIDE, SIZE - SIDE, 2) + 0.5
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        self.register_buffer("pixels", torch.stack([x, y])[None], persistent=False)

    def forward(self, params: Tensor, places: Tensor) -> Tensor:
        """Lay out; places is (B, 6) as `rig.mouth_place` gives it."""
        jaw, wide, rounded, up, tuck, tongue, teeth, press = params[:, :, None, None].split(1, 1)
        x0, y0, tilt, half, smile, full = places[:, :, None, None].split(1, 1)
        x, y = self.pixels[:, :1] - x0, self.pixels[:, 1:] - y0
        x, y = x + tilt * y, y - tilt * x
        free = 1 - press
        across = x / (half * (1 + 0.17 * wide - 0.36 * rounded * (1 - 0.3 * press) - 0.05 * jaw)).clamp_min(4)
        ends = across.abs().clamp(0.02, 0.98)
        square = ends * ends
        down = (15.5 * jaw + 0.8 * rounded) * free * (1 - tuck) - tuck
        raised = (4.2 * up + 2.6 * jaw + 0.6 * rounded) * free * (1 - tuck) + 4.6 * tuck
        corner = -3.4 * smile * (1 - 0.75 * rounded) - 0.9 * wide + 2.2 * jaw * free
        slot = 1 - torch.exp(torch.log(ends) * (2.3 + 0.9 * wide - 0.3 * rounded))
        opening = torch.exp(torch.log(slot) * (0.80 - 0.28 * rounded))
        seam = corner * (0.7 * square + 0.3 * ends)
        inner_top = seam - raised * opening
        inner_low = torch.maximum(seam + down * opening, inner_top)
        thin = full * (1 - 0.18 * wide + 0.30 * rounded) * (1 - 0.26 * press)
        root = torch.sqrt(1 - square)
        outer_top = inner_top - 6.4 * thin * (1 - square) * (1 - 0.3 * torch.exp(-60 * square))
        outer_low = inner_low + 8.6 * thin * (1 - 0.45 * tuck) * root * torch.sqrt(root)
        edge = 0.6 + 3.0 * teeth + 0.8 * jaw + 1.2 * tuck - 3.2 * rounded * (1 - teeth)
        tip = down - 3.0 - (0.16 + 0.60 * tongue) * nn.functional.relu(down - 2.0) + 1.2 * rounded
        lines = [y - inner_top, y - inner_low, y - outer_top, y - outer_low, y - edge, y - tip]
        return torch.cat([torch.tanh(torch.cat(lines, 1) / 3), across.clamp(-1.5, 1.5)], 1)


class Generator(nn.Module):
    """(B, 6, S, S) in [0, 1] and (B, 8) -> (B, 3, S, S); only the lower half is drawn.

    out = warp(reference, flow) * (1 - a) + colour * a, so what the mouth does not change stays as sharp as it came.
    """

    size = SIZE

    def __init__(self) -> None:
        """Build with weights that copy the reference."""
        super().__init__()
        half, quarter, eighth, sixteenth = CHANNELS
        width = SIZE - 2 * SIDE
        y, x = torch.meshgrid(_centres(SIZE // 2), _centres(width), indexing="ij")
        self.register_buffer("grid", torch.stack([x, y], 2)[None].contiguous(), persistent=False)
        self.register_buffer("place", torch.stack([x * (width / SIZE), y])[None].contiguous(), persistent=False)
        self.register_buffer("reach", torch.tensor([SIZE / width, 1.0])[None, :, None, None] * _REACH, persistent=False)
        self.register_buffer("edge", _edge(*(at.stop - at.start for at in BOX)), persistent=False)
        self.register_buffer("usual", torch.tensor([96.0, 28.0, 0.0, 27.0, 1.0, 1.0]), persistent=False)
        self.register_buffer("spread", torch.tensor([8.0, 6.0, 0.04, 3.0, 0.6, 0.25]), persistent=False)
        self.layout = Layout()
        self.code = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())
        self.e1 = nn.Sequential(_down(11, half, 2, 4), _down(half, half, 1))
        self.e2 = nn.Sequential(_down(half, quarter, 2), _down(quarter, quarter, 1))
        self.e3 = nn.Sequential(_down(quarter, eighth, 2), _down(eighth, eighth, 1))
        self.e4 = _down(eighth, sixteenth, 2)
        flat = 16 * (SIZE // 32) * (width // 16)
        self.locate = nn.Sequential(
            nn.Conv2d(sixteenth, 16, 1), nn.ReLU(), nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, PLACES)
        )
        self.d4 = _Step(sixteenth, 48)
        self.u3, self.d3 = nn.Conv2d(sixteenth, eighth, 1), _Step(eighth, 48)
        self.u2, self.d2 = nn.Conv2d(eighth, quarter, 1), _Step(quarter, 48)
        self.u1, self.d1 = nn.Conv2d(quarter, FINE, 1), _Step(FINE, 48)
        self.fine = nn.Conv2d(half, FINE, 1)
        self.laid = nn.Conv2d(MAPS, FINE, 3, padding=1)
        self.flow = nn.Conv2d(FINE, 2, 3, padding=1)
        self.rise = nn.Sequential(nn.Conv2d(FINE, 4 * 6, 3, padding=1), nn.PixelShuffle(2), nn.ReLU())
        self.head = nn.Sequential(
            nn.Conv2d(6 + 3 + MAPS, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 16, 1),
            nn.ReLU(),
            nn.Conv2d(16, 4, 3, padding=1),
        )
        nn.init.zeros_(self.flow.weight)
        nn.init.zeros_(self.flow.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.laid.weight)

    def find(self, face: Tensor) -> tuple[list[Tensor], Tensor]:
        """Read the reference: features at four sizes, and where its mouth is, (B, 6)."""
        face = face[:, :, :, SIDE:-SIDE]
        middle = SIZE // 2
        top, low, above = face[:, :3, :middle], face[:, 3:, middle:], face[:, 3:, :middle]
        place = self.place + torch.zeros_like(low[:, :2])
        e1 = self.e1(torch.cat([low - 0.5, top - 0.5, above - 0.5, place], 1))
        e2 = self.e2(e1)
        e3 = self.e3(e2)
        e4 = self.e4(e3)
        return [self.fine(e1), e2, e3, e4], self.usual + self.spread * self.locate(e4).float()

    def forward(self, face: Tensor, params: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw the lower half, (B, 3, S/2, S).

        Returns:
            The picture and, for training, the warp alone, the colour in BOX, and where the mouth was found.
        """
        (e1, e2, e3, e4), places = self.find(face)
        code = self.code(params)
        maps = self.layout(params, places)
        x = self.d4(e4, code)
        x = self.d3(_up(self.u3(x)) + e3, code)
        x = self.d2(_up(self.u2(x)) + e2, code)
        x = self.d1(_up(self.u1(x)) + self.laid(maps) + e1, code)
        grid = self.grid + _smooth(torch.tanh(self.flow(x)).float() * self.reach).permute(0, 2, 3, 1)
        low = face[:, 3:, SIZE // 2 :]
        inner = low[:, :, :, SIDE:-SIDE]
        warped = nn.functional.grid_sample(inner.float(), grid, padding_mode="border", align_corners=False)
        rows, columns = BOX[0], slice(BOX[1].start - SIDE, BOX[1].stop - SIDE)
        half = (slice(None), slice(None), _halved(rows), _halved(columns))
        under = warped[:, :, rows, columns]
        colour, share = self.paint(torch.cat([self.rise(x[half]), under, _smooth(maps[half])], 1))
        around = (columns.start, SIZE - 2 * SIDE - columns.stop, rows.start, SIZE // 2 - rows.stop)
        painted = warped + nn.functional.pad((colour - under) * share, around)
        drawn, warped = (torch.cat([low[:, :, :, :SIDE], part, low[:, :, :, -SIDE:]], 3) for part in (painted, warped))
        return drawn, warped, colour, places

    def paint(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Give the colour of each pixel in BOX, (B, 3, h, w), and how much of it is laid on, (B, 1, h, w)."""
        drawn = torch.sigmoid(self.head(seen))
        return drawn[:, :3], drawn[:, 3:] * self.edge


def _centres(count: int) -> Tensor:
    return (torch.arange(count) * 2 + 1) / count - 1


def _edge(height: int, width: int) -> Tensor:
    """(height, width), 0 at the edges and 1 from _FADE pixels on."""
    down, across = (torch.arange(count).minimum(count - 1 - torch.arange(count)) for count in (height, width))
    return ((torch.minimum(down[:, None], across[None]) - 1) / (_FADE - 1)).clamp(0, 1)


def _halved(at: slice) -> slice:
    return slice(at.start // 2, at.stop // 2)


def _up(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def _smooth(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class TalkingFace(nn.Module):
    """Both halves joined: mel (B, 1, 80, 16) and face (B, 6, S, S) -> picture (B, 3, S, S), Wav2Lip's contract."""

    def __init__(self, audio: nn.Module, generator: Generator) -> None:
        """Join two trained nets."""
        super().__init__()
        self.audio, self.generator = audio, generator

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw the face as it speaks this sound."""
        low = self.generator(face, self.audio(mel))[0]
        return torch.cat([face[:, :3, : self.generator.size // 2], low.clamp(0, 1)], 2)

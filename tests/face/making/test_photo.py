"""Whatever is given as a photo becomes upright BGR of a bounded size, or one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.errors import MediaError
from appliance.face.making.photo import WORKING_PX, read_photo


def _gradient(width: int = 64, height: int = 48) -> Image.Image:
    """Red grows to the right, green down."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, x * 0 + 30], 2).astype(np.uint8))


def _saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.bmp"])
def test_each_format_gives_the_same_pixels(tmp_path: Path, name: str) -> None:
    pixels = read_photo(_saved(_gradient(), tmp_path / name))
    assert pixels.shape == (48, 64, 3)
    wanted = np.asarray(_gradient())[:, :, ::-1]
    assert np.abs(pixels.astype(int) - wanted).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_turned_gives_an_upright_picture(tmp_path: Path, orientation: int) -> None:
    upright = _gradient()
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}
    stored = upright
    for method in undo.get(orientation, []):
        stored = stored.transpose(Image.Transpose(method))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_photo(_saved(stored, tmp_path / "a.png", exif=exif))
    assert np.array_equal(pixels[:, :, ::-1], np.asarray(upright))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_other_kinds_of_pixels_become_colours(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(_gradient().convert("L")).astype(np.uint16) * 200)
    else:
        image = _gradient().convert(mode)
    pixels = read_photo(_saved(image, tmp_path / "a.png"))
    assert pixels.shape == (48, 64, 3)
    assert pixels[-1, -1].mean() > pixels[0, 0].mean()


def test_cmyk_becomes_colours(tmp_path: Path) -> None:
    pixels = read_photo(_saved(_gradient().convert("CMYK"), tmp_path / "a.jpg", quality=95))
    assert np.abs(pixels.astype(int) - np.asarray(_gradient())[:, :, ::-1]).mean() < 12


def test_what_is_transparent_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert read_photo(_saved(image, tmp_path / "a.png")).min() == 255


def test_a_very_large_photo_is_made_smaller(tmp_path: Path) -> None:
    image = Image.new("L", (12_000, 9_000), 90)
    pixels = read_photo(_saved(image, tmp_path / "a.jpg"))
    assert pixels.shape == (WORKING_PX * 3 // 4, WORKING_PX, 3)


def _claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (17_000, 200), (12_000, 12_000)])
def test_what_claims_to_be_enormous_is_refused_before_it_is_unpacked(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "a.png").write_bytes(_claimed(width, height))
    with pytest.raises(MediaError) as caught:
        read_photo(tmp_path / "a.png")
    assert caught.value.code in ("photo-too-large", "not-a-picture")


def _png() -> bytes:
    target = io.BytesIO()
    _gradient(200, 200).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize("content", [b"", b"hello, I am a text", _png()[:300], _png()[:20], b"\xff\xd8\xff\xe0 JFIF"])
def test_what_is_no_whole_picture_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_photo(tmp_path / "a.png")
    assert caught.value.code == "not-a-picture"
    assert "a.png" in caught.value.message


def test_a_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    whole = _saved(_gradient(400, 400), tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError) as caught:
        read_photo(tmp_path / "cut.jpg")
    assert caught.value.code == "not-a-picture"


def test_a_file_that_is_not_there_or_too_long(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(MediaError) as caught:
            read_photo(path)
        assert caught.value.code == "not-found"
    with (tmp_path / "long.png").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(MediaError) as caught:
        read_photo(tmp_path / "long.png")
    assert caught.value.code == "photo-too-large"

from __future__ import annotations

import io
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from app.page.taken import FILE_TYPES, MAX_PNG_BYTES, picture_files
from app.talks.history import kind_of
from vision import ImageError, Limits

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><script>alert(1)</script><text x="9" y="40">Oslo</text></svg>'


def saved(path: Path, image: Image.Image) -> Path:
    if path.suffix == ".heic":
        pillow_heif.from_pillow(image).save(path)
    else:
        image.save(path)
    return path


def test_what_is_no_picture_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    for name, data in (("a.png", b"no picture"), ("b.pdf", b"%PDF-1.7 no document"), ("c.svg", b"<svg"), ("d.heic", b"\0\0\0\x18ftypheic")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError):
            picture_files(tmp_path / name, "1", Limits())


def test_a_page_too_thin_to_show_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 40), "white").save(tmp_path / "thin.pdf")
    with pytest.raises(ImageError, match="at least 28"):
        picture_files(tmp_path / "thin.pdf", "1", Limits())


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.avif"])
def test_what_every_browser_shows_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.new("RGB", (64, 64), "red"))
    (taken,) = picture_files(path, "", Limits())
    assert taken.data == path.read_bytes() and taken.writing is None
    assert kind_of(taken.data) == path.suffix[1:].replace("jpg", "jpeg")


@pytest.mark.parametrize("name", ["a.heic", "a.tiff"])
def test_what_some_browsers_do_not_show_becomes_png(tmp_path: Path, name: str) -> None:
    (taken,) = picture_files(saved(tmp_path / name, Image.new("RGB", (64, 48), "red")), "", Limits())
    assert kind_of(taken.data) == "png" and Image.open(io.BytesIO(taken.data)).size == (64, 48)


def test_a_photo_that_is_too_much_as_png_becomes_jpeg(tmp_path: Path) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((1300, 1300), 90)] * 3)
    (taken,) = picture_files(saved(tmp_path / "a.tiff", noise), "", Limits())
    assert len(taken.data) < MAX_PNG_BYTES or kind_of(taken.data) == "jpeg"
    assert kind_of(picture_files(saved(tmp_path / "b.tiff", Image.effect_noise((2300, 2300), 90)), "", Limits())[0].data) == "jpeg"


def test_a_drawing_is_kept_as_png_with_its_own_text_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("a.svg", "a.png"):
        (tmp_path / name).write_text(SVG)
        (taken,) = picture_files(tmp_path / name, "", Limits())
        assert taken.data.startswith(b"\x89PNG") and b"script" not in taken.data
        assert taken.writing is not None and taken.writing.texts[0].text == "Oslo"
        assert Image.open(io.BytesIO(taken.data)).size == taken.writing.size


def test_the_file_picker_offers_what_is_read() -> None:
    assert set(FILE_TYPES) >= {".heic", ".heif", ".avif", ".svg", ".pdf", "image"}

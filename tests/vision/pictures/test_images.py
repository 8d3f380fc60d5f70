from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import Gemma3ImageProcessorPil

from vision import Prompt, Turn
from vision.errors import ImageError
from vision.pictures.crops import PanAndScan, content, content_box, pan_and_scan_boxes, seen, smallest_crop
from vision.pictures.images import Limits, open_image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def split_picture(mode: str = "RGB", size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", size, RED)
    image.paste(Image.new("RGB", (size[0] // 2, size[1]), BLUE), (size[0] // 2, 0))
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_is_read(form: str) -> None:
    image = open_image(encoded(split_picture(), form))
    assert image.mode == "RGB" and image.size == (80, 60)
    assert np.abs(np.array(image.getpixel((10, 30))) - RED).max() < 12


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "LA", "RGBA", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    source = Image.fromarray(np.array(split_picture("L")).astype(np.uint16) * 257) if mode == "I;16" else split_picture(mode)
    image = open_image(encoded(source, form))
    assert image.mode == "RGB"
    assert image.getpixel((10, 30)) != image.getpixel((70, 30)), "the two halves can still be told apart"


def test_sixteen_bits_keep_their_shades() -> None:
    grey = np.linspace(0, 65535, 80, dtype=np.uint16)[None].repeat(60, 0)
    values = np.array(open_image(encoded(Image.fromarray(grey), "PNG")))[0, :, 0]
    assert values[0] == 0 and values[-1] == 255 and abs(int(values[40]) - 129) <= 3


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert open_image(encoded(clear, "PNG")).getpixel((5, 5)) == (255, 255, 255)


def test_a_turned_photo_stands_upright_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right
    exif[0x010E] = "<script>alert(1)</script>"
    image = open_image(encoded(split_picture(), "JPEG", exif=exif))
    assert image.size == (60, 80)
    assert np.abs(np.array(image.getpixel((30, 5))) - RED).max() < 12
    assert not image.info and not image.getexif()


def marked_picture(size: tuple[int, int] = (80, 64)) -> Image.Image:
    """A picture that looks different in each of the eight orientations: red and blue, with a white corner."""
    image = split_picture(size=size)
    image.paste((255, 255, 255), (0, 0, size[0] // 4, size[1] // 4))
    return image


TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}  # fmt: skip


def heic(image: Image.Image, **options: object) -> bytes:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=90, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_stand_upright_and_none_is_turned_twice(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if form == "HEIC":  # irot and imir are written, and EXIF says the same beside them
        image = open_image(heic(marked_picture(), exif=exif.tobytes()))
    else:
        image = open_image(encoded(marked_picture(), form, exif=exif))
    upright = marked_picture().transpose(TURNS[orientation]) if orientation > 1 else marked_picture()
    assert image.size == upright.size
    assert np.abs(np.array(image, int) - np.array(upright, int)).mean() < 6


def test_exif_alone_does_not_turn_a_heic_picture() -> None:
    """ISO/IEC 23008-12 and MIAF: the container's irot and imir count, the tag beside them is a copy."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = heic(marked_picture(), exif=exif.tobytes())
    plain = turned.replace(b"irot\3", b"irot\0")
    assert plain != turned and open_image(turned).size == (64, 80) and open_image(plain).size == (80, 64)


def test_ten_bits_transparency_and_more_pictures_in_a_heic_file_are_read() -> None:
    import pillow_heif

    deep = (np.array(marked_picture(), np.uint16) * 257).tobytes()
    stream = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (80, 64), deep).save(stream, quality=90)
    assert np.abs(np.array(open_image(stream.getvalue()), int) - np.array(marked_picture(), int)).mean() < 6
    assert min(open_image(heic(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))).getpixel((5, 5))) > 250
    file = pillow_heif.from_pillow(Image.new("RGB", (64, 64), BLUE))
    file.add_from_pillow(Image.new("RGB", (64, 64), RED))
    stream = io.BytesIO()
    file.save(stream, primary_index=1)
    assert open_image(stream.getvalue()).getpixel((9, 9)) == pytest.approx(RED, abs=12), "the one that is called the picture"


def test_heic_is_opened_without_being_made_known_to_everybody() -> None:
    open_image(heic(marked_picture()))
    assert "HEIF" not in Image.OPEN


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (40, 40), RED), Image.new("RGB", (40, 40), BLUE)]
    image = open_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.getpixel((5, 5)) == pytest.approx(RED, abs=8)


def test_a_profile_is_applied_and_a_broken_one_ignored() -> None:
    assert open_image(encoded(split_picture(), "PNG", icc_profile=b"no profile")).size == (80, 60)


def test_paths_bytes_pictures_and_data_uris_are_sources(tmp_path: Path) -> None:
    data = encoded(split_picture(), "PNG")
    path = tmp_path / "chart.png"
    path.write_bytes(data)
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    same = [np.array(open_image(source)) for source in (path, str(path), data, uri, split_picture())]
    assert all((other == same[0]).all() for other in same)


def bomb() -> bytes:
    """A PNG header that promises 100,000 x 100,000 pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    body = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + body + b"\0\0\0\0IEND\xaeB`\x82"


BAD = {
    "empty": (b"", "empty"),
    "no picture": (b"hello, I am text" * 10, "no picture"),
    "cut off": (encoded(split_picture(size=(400, 300)), "PNG")[:300], "damaged"),
    "a cut-off JPEG": (encoded(split_picture(size=(400, 300)), "JPEG")[:900], "damaged"),
    "a cut-off HEIC": (heic(marked_picture((640, 480)))[:900], "damaged"),
    "a HEIC header alone": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged"),
    "a cut-off AVIF": (encoded(split_picture(size=(400, 300)), "AVIF")[:400], "damaged|no picture"),
    "a film": (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + b"\0" * 99, "no picture"),
    "a bomb": (bomb(), "megapixels"),
    "one pixel": (encoded(Image.new("RGB", (1, 1)), "PNG"), "1 x 1"),
    "a format that is not accepted": (encoded(split_picture(), "PPM"), "no picture"),
}


@pytest.mark.parametrize(("data", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_picture_gives_one_clear_sentence(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        open_image(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("source", "said"),
    [("no/such.png", "no file"), ("/", "not a file"), ("a\0b.png", "cannot be read"), ("data:image/png;base64,@@@@", "base64"),
     ("data:text/html,<b>", "data URI"), ("http://127.0.0.1:9/x.png", "is off")],
)  # fmt: skip
def test_a_bad_source_gives_one_clear_sentence(source: str, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        open_image(source)


def test_a_mislabelled_file_is_read_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    path.write_bytes(encoded(split_picture(), "JPEG"))
    assert open_image(path).size == (80, 60)


@pytest.mark.parametrize("form", ["PNG", "AVIF", "HEIC"])
def test_limits_hold_before_anything_is_decoded(form: str) -> None:
    noise = Image.effect_noise((400, 400), 90).convert("RGB")
    data = heic(noise) if form == "HEIC" else encoded(noise, form)
    with pytest.raises(ImageError, match="MB"):
        open_image(data, Limits(max_bytes=1000))
    with pytest.raises(ImageError, match="megapixels"):
        open_image(data, Limits(max_pixels=1000))


def test_an_address_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="cannot be fetched"):
        open_image("http://127.0.0.1:9/x.png", Limits(allow_urls=True))


@pytest.mark.parametrize("size", [(1000, 400), (400, 1000), (640, 480), (500, 500), (2000, 300), (1200, 900), (600, 300), (3000, 1000)])
def test_crops_are_those_of_the_image_processor(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, size[1], size[0]), dtype=np.uint8)
    theirs = Gemma3ImageProcessorPil().pan_and_scan(pixels, 256, 4, 1.2)
    ours = [pixels[:, top:bottom, left:right] for left, top, right, bottom in pan_and_scan_boxes(size)]
    assert len(ours) == len(theirs)
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))


def test_what_the_model_sees_can_be_shown_with_its_cost() -> None:
    view = seen(split_picture(size=(1000, 400)), side=320, tokens_per_image=100, min_crop=256)
    assert [square.size for square in view.squares] == [(320, 320)] * 4
    assert view.tokens == 400 and view.boxes[0] == (0, 0, 1000, 400)


def on_a_page(what: Image.Image, at: tuple[int, int], size: tuple[int, int] = (2400, 1600), ground: str = "white") -> Image.Image:
    page = Image.new("RGB", size, ground)
    page.paste(what, at)
    return page


@pytest.mark.parametrize("ground", ["white", "#203040"])
@pytest.mark.parametrize("at", [(0, 0), (900, 700), (2000, 1300)])
def test_of_a_page_that_is_mostly_blank_a_model_is_shown_what_stands_on_it(at: tuple[int, int], ground: str) -> None:
    left, top, right, bottom = content_box(on_a_page(split_picture(size=(400, 300)), at, ground=ground))
    assert left <= at[0] and top <= at[1] and right >= at[0] + 400 and bottom >= at[1] + 300
    assert right - left < 480 and bottom - top < 380


def test_a_line_of_text_is_not_shown_as_a_strip() -> None:
    left, top, right, bottom = content_box(on_a_page(Image.new("RGB", (1000, 20)), (300, 300)))
    assert (right - left) / (bottom - top) < 2.2 and top < 300 - 200 and bottom > 320 + 200


@pytest.mark.parametrize(
    "picture",
    [
        on_a_page(split_picture(size=(400, 300)), (10, 10), size=(900, 900)),  # small
        on_a_page(split_picture(size=(2000, 1200)), (100, 100)),  # mostly full
        on_a_page(split_picture(size=(2390, 800)), (5, 5)),  # as wide as the page
        Image.effect_noise((1200, 1200), 60).convert("RGB"),  # a photo
        Image.new("RGB", (2000, 2000), "white"),
    ],
    ids=["small", "full", "wide", "photo", "blank"],
)
def test_other_pictures_are_shown_whole(picture: Image.Image) -> None:
    assert content_box(picture) == (0, 0, *picture.size) and content(picture) is picture


def test_crops_are_cut_of_what_stands_on_the_page() -> None:
    page = on_a_page(split_picture(size=(1000, 400)), (700, 600))
    view = seen(page, side=320, tokens_per_image=100, min_crop=256)
    left, top, right, bottom = view.boxes[0]
    assert len(view.boxes) == 3 and all(left <= a and top <= b and c <= right and d <= bottom for a, b, c, d in view.boxes)
    prompt = Prompt(turns=(Turn(question="?", images=(page,)),))
    assert prompt.images[0].size == (right - left, bottom - top)


@pytest.mark.parametrize(
    ("wanted", "made_for_crops", "smallest"),
    [("off", True, 0), ("auto", False, 0), ("auto", None, 448), ("on", False, 256), ("on", None, 256)],
)
def test_crops_are_cut_where_they_are_wanted_and_pay(wanted: PanAndScan, made_for_crops: bool | None, smallest: int) -> None:
    assert smallest_crop(wanted, side=896, made_for_crops=made_for_crops) == smallest

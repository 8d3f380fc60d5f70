from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from vision import ImageError, Limits
from vision.pictures.documents import LONG_SIDE, MAX_PAGES, is_pdf, open_pages, open_pictures, page_numbers


def pdf(*colors: str) -> bytes:
    first, *rest = (Image.new("RGB", (400, 300), color) for color in colors)
    stream = io.BytesIO()
    first.save(stream, "PDF", save_all=True, append_images=rest)
    return stream.getvalue()


def test_the_chosen_pages_come_in_their_order() -> None:
    pages = open_pages(pdf("red", "lime", "blue"), "3,1")
    brightest = [max(range(3), key=page.getpixel((50, 50)).__getitem__) for page in pages]
    assert brightest == [2, 0]
    assert all(page.mode == "RGB" and abs(max(page.size) - LONG_SIDE) <= 2 for page in pages)


def test_a_name_may_say_which_page(tmp_path: Path) -> None:
    path = tmp_path / "Two.PDF"
    path.write_bytes(pdf("red", "blue"))
    assert len(open_pictures(str(path))) == 1 and len(open_pictures(f"{path}#page=1-2")) == 2
    assert len(open_pictures(pdf("red"))) == 1
    chart = tmp_path / "chart.png"
    Image.new("RGB", (60, 60)).save(chart)
    assert open_pictures(chart)[0].size == (60, 60)


@pytest.mark.parametrize("written", ["", "x", "1-", "-1", "1,,2", "1.5", "²", "9" * 40])
def test_what_is_no_list_of_pages_is_said(written: str) -> None:
    with pytest.raises(ImageError, match="expected numbers"):
        page_numbers(written, 9)


@pytest.mark.parametrize("written", ["0", "10", "3-2", "2-10"])
def test_a_page_that_is_not_there_is_said(written: str) -> None:
    with pytest.raises(ImageError, match="9 pages"):
        page_numbers(written, 9)


def test_too_many_pages_are_refused_before_they_are_drawn() -> None:
    with pytest.raises(ImageError, match=f"more than {MAX_PAGES}"):
        page_numbers("1-100000", 100_000)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 and nothing", pdf("red")[:200]], ids=["empty", "rubbish", "cut"])
def test_damaged_documents_give_a_sentence(data: bytes) -> None:
    with pytest.raises(ImageError, match="damaged or no PDF"):
        open_pages(data)


def test_size_and_absence_are_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at most"):
        open_pages(pdf("red"), limits=Limits(max_bytes=100))
    with pytest.raises(ImageError, match="cannot be read"):
        open_pages(tmp_path / "none.pdf")
    assert is_pdf(b"\n%PDF-1.4") and not is_pdf(b"\x89PNG")

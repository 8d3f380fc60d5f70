from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from vision import ImageError, Limits
from vision.pictures.documents import LONG_SIDE, MAX_PAGES, is_pdf, open_pages, open_pictures, page_numbers
from vision.pictures.writing import Text


def pdf(*colors: str) -> bytes:
    first, *rest = (Image.new("RGB", (400, 300), color) for color in colors)
    stream = io.BytesIO()
    first.save(stream, "PDF", save_all=True, append_images=rest)
    return stream.getvalue()


def test_the_chosen_pages_come_in_their_order() -> None:
    pages = [page.image for page in open_pages(pdf("red", "lime", "blue"), "3,1")]
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
    assert open_pictures(chart)[0].image.size == (60, 60)


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


def chart(**settings: object) -> bytes:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(figsize=(4, 3))
        axes.bar(["Museum", "Café fi"], [64, 85])
        axes.set_ylabel("Visitors a year")
        stream = io.BytesIO()
        figure.savefig(stream, format="pdf")
        pyplot.close(figure)
    return stream.getvalue()


def page_of(content: str, more: str = "", font: str = "/Type/Font/Subtype/Type1/BaseFont/Helvetica") -> bytes:
    """A PDF of one page, 200 by 100 points, as it is written by hand."""
    body = f"<</Length {len(content)}>>stream\n{content}\nendstream"
    page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R{more}>>"
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", page, body, f"<<{font}>>"]
    written = "%PDF-1.7\n" + "".join(f"{n} 0 obj\n{text}\nendobj\n" for n, text in enumerate(objects, 1))
    return (written + "trailer<</Root 1 0 R/Size 6>>\n%%EOF").encode("latin-1")


def texts(data: bytes) -> dict[str, Text]:
    (page,) = open_pages(data)
    return {text.text: text for text in page.writing.texts} if page.writing else {}


@pytest.mark.parametrize("kind", [3, 42])
def test_a_page_says_its_own_texts_with_their_places(kind: int) -> None:
    found = texts(chart(**{"pdf.fonttype": kind}))
    assert {"Museum", "Café fi", "0", "20", "40", "60", "80", "Visitors a year"} <= set(found)
    assert found["Visitors a year"].angle == 90 and found["Museum"].angle == 0
    assert found["Museum"].box.right < found["Café fi"].box.left and found["80"].box.bottom < found["60"].box.top


@pytest.mark.parametrize(("turn", "angle"), [(0, 0.0), (90, -90.0), (180, 180.0), (270, 90.0)])
def test_places_follow_a_page_that_is_turned_and_cut(turn: int, angle: float) -> None:
    data = page_of("BT /F 12 Tf 60 50 Td (Oslo) Tj ET", f"/Rotate {turn}/CropBox[50 20 150 80]")
    (page,) = open_pages(data)
    assert page.writing is not None
    (text,) = page.writing.texts
    ink = page.image.convert("L").point(lambda value: 255 - value).getbbox()
    assert text.text == "Oslo" and text.angle == angle and page.writing.size == page.image.size
    assert ink == pytest.approx((text.box.left, text.box.top, text.box.right, text.box.bottom), abs=4)


def test_numbers_beside_each_other_are_texts_of_their_own_and_words_are_not() -> None:
    row = "BT /F 10 Tf 10 50 Td (Net gain) Tj 60 0 Td (12) Tj 20 0 Td (34) Tj ET BT /F 10 Tf 10 20 Td [(Sum)-300(of)-3000(56)] TJ ET"
    assert set(texts(page_of(row))) == {"Net gain", "12", "34", "Sum of", "56"}


HIDDEN = {
    "invisible, as scanners write": "BT 3 Tr /F 12 Tf 20 30 Td (SECRET) Tj ET",
    "white": "1 g BT /F 12 Tf 20 30 Td (SECRET) Tj ET",
    "covered": "BT /F 12 Tf 20 30 Td (SECRET) Tj ET 1 g 10 20 150 30 re f",
    "off the page": "BT /F 12 Tf 20 300 Td (SECRET) Tj ET",
    "half off the page": "BT /F 12 Tf 170 30 Td (SECRET THINGS) Tj ET",
    "clipped": "q 10 20 20 30 re W n BT /F 12 Tf 20 30 Td (SECRET) Tj ET Q",
    "tiny": "BT /F 0.3 Tf 20 30 Td (SECRET) Tj ET",
    "invisible upon what is seen": "BT 3 Tr /F 12 Tf 20 70 Td (SEEM) Tj ET",
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN)
def test_what_nobody_sees_on_a_page_is_not_claimed(content: str) -> None:
    assert set(texts(page_of("BT /F 12 Tf 20 70 Td (Seen) Tj ET " + content))) == {"Seen"}


def test_a_page_whose_layer_says_nothing_is_left_to_ocr() -> None:
    assert open_pages(page_of("10 10 50 50 re f"))[0].writing is None, "no text"
    assert open_pages(page_of("BT 3 Tr /F 12 Tf 20 30 Td (Read) Tj ET"))[0].writing is None, "only somebody's reading"
    assert open_pages(pdf("red"))[0].writing is None, "a scan"
    private = "/Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Type/Encoding/Differences[65/uniE001/uniE002/uniE003]>>"
    assert open_pages(page_of("BT /F 12 Tf 20 30 Td (ABC) Tj ET", font=private))[0].writing is None, "no letters"


def test_a_page_is_read_by_many_at_once() -> None:
    data = chart()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(texts, [data] * 4))
    assert all(each == found[0] for each in found) and "Museum" in found[0]

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from finetune.charts.records import Record
from vision.pictures import reading, writing
from vision.pictures.box import Box
from vision.pictures.writing import Text, Writing, read_writing


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    writing.forget()
    yield
    writing.forget()


class Page:
    """A small picture to write on, in Pillow's own font."""

    def __init__(self, width: int = 360, height: int = 240, color: str = "white") -> None:
        self.image = Image.new("RGB", (width, height), color)
        self.draw = ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, size: int = 20, color: str = "black") -> Page:
        self.draw.text((x, y), text, font=ImageFont.load_default(size), fill=color, anchor="mm")
        return self

    def turned(self, x: int, y: int, text: str, angle: int, size: int = 20) -> Page:
        font = ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(text)
        mask = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4))
        ImageDraw.Draw(mask).text((2 - left, 2 - top), text, font=font, fill=255)
        mask = mask.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
        self.image.paste(Image.new("RGB", mask.size, "black"), (x - mask.width // 2, y - mask.height // 2), mask)
        return self

    @property
    def read(self) -> Writing:
        return read_writing(self.image)


def texts(found: Writing) -> list[str]:
    return [text.text for text in found.texts]


def column(*numbers: str) -> Page:
    page = Page()
    for i, number in enumerate(numbers):
        page.write(60, 40 + 40 * i, number)
    return page


def test_a_text_is_read_where_it_stands() -> None:
    (found,) = Page().write(200, 100, "Museum").read.texts
    (x, y), box = found.box.middle, found.box
    assert (found.text, found.angle) == ("Museum", 0) and abs(x - 200) < 3 and abs(y - 100) < 4
    assert 60 < box.width < 84 and 10 < box.height < 22, "tight"


def test_a_chart_on_a_large_blank_page_is_read_as_if_it_stood_alone(chart: Record) -> None:
    page = Image.new("RGB", (2400, 1600), "white")
    page.paste(chart.image, (1500, 900))
    alone, found = read_writing(chart.image), read_writing(page)
    near = [
        text
        for text in found.texts
        if any(text.text == each.text and text.box.moved(-1500, -900).distance(each.box) == 0 for each in alone.texts)
    ]
    assert found.size == page.size and len(near) >= 0.9 * len(alone.texts) > 5


def test_turned_labels_are_read_with_their_angle() -> None:
    found = Page().turned(60, 120, "Visitors", 90).turned(180, 120, "Denmark", 45).turned(300, 120, "Harbour", -90).read
    assert {text.text: round(text.angle / 15) * 15 for text in found.texts} == {"Visitors": 90, "Denmark": 45, "Harbour": -90}
    assert abs(found.find("Denmark")[0].box.middle[0] - 180) < 5


def test_numbers_that_stand_near_each_other_are_two_texts() -> None:
    found = Page().write(120, 100, "2014").write(175, 100, "2015").read
    assert texts(found) == ["2014", "2015"]
    assert abs(found.texts[1].box.middle[0] - 175) < 5


def test_values_on_two_bars_that_touch_are_two_texts() -> None:
    page = Page(color="white")
    page.draw.rectangle((100, 60, 139, 220), fill="#1f77b4")
    page.draw.rectangle((140, 60, 179, 220), fill="#ff7f0e")
    page.write(120, 80, "60", color="white").write(160, 80, "64", color="black")
    assert texts(page.read) == ["60", "64"]


def test_words_over_two_columns_are_two_texts() -> None:
    page = Page().write(100, 40, "Boys").write(156, 40, "Girls")
    for i, (boys, girls) in enumerate((("20", "25"), ("31", "48"), ("17", "96"))):
        page.write(100, 80 + 40 * i, boys).write(156, 80 + 40 * i, girls)
    assert page.read.find("Boys") and page.read.find("Girls")


def test_a_tick_is_no_minus_and_no_digit() -> None:
    page = column("100", "75", "50", "25")
    page.draw.line((94, 20, 94, 220), fill="black")
    for y in (40, 80, 120, 160):
        page.draw.line((86, y, 94, y), fill="black")
    assert texts(page.read) == ["100", "75", "50", "25"]


def test_a_minus_stays() -> None:
    assert {"-40", "-20"} <= {writing.plain(text) for text in texts(column("-40", "-20", "20", "40").read)}


def test_a_lone_digit_in_a_column_of_numbers_is_found() -> None:
    assert texts(column("20", "10", "5", "0").read) == ["20", "10", "5", "0"]


def test_a_dot_is_no_nought() -> None:
    page = column("20", "10", "5")
    page.draw.ellipse((200, 34, 212, 46), fill="black")
    assert texts(page.read) == ["20", "10", "5"]


def test_light_text_on_a_dark_page_and_on_a_dark_bar_is_read() -> None:
    page = Page(color="#101018").write(180, 60, "Night train", color="white")
    page.draw.rectangle((100, 120, 260, 180), fill="#1f77b4")
    assert texts(page.write(180, 150, "1,250", color="white").read) == ["Night train", "1,250"]


def test_signs_of_numbers_are_kept() -> None:
    numbers = ["9%", "66%", "3000", "7.8", "1,234,567", "12.5%", "(kWh)"]
    page = Page(360, 320)
    for i, number in enumerate(numbers):
        page.write(180, 30 + 40 * i, number)
    assert texts(page.read) == numbers


def test_a_number_with_spaces_between_thousands_is_one() -> None:
    assert [writing.plain(text) for text in texts(Page().write(180, 120, "12 500 000").read)] == ["12500000"]


@pytest.mark.parametrize("size", [(1, 1), (40, 300), (320, 240)])
@pytest.mark.parametrize("color", ["black", "white"])
def test_an_empty_picture_has_no_text(size: tuple[int, int], color: str) -> None:
    assert read_writing(Image.new("RGB", size, color)) == Writing(size=size)


def test_what_is_transparent_shows_white() -> None:
    image = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((150, 50), "Harbour", font=ImageFont.load_default(24), fill="black", anchor="mm")
    assert texts(read_writing(image)) == ["Harbour"]


def test_a_photograph_of_fifty_megapixels_takes_bounded_time_and_keeps_its_places() -> None:
    page = Page(8660, 5773).write(4000, 3000, "Museum", size=300)
    started = time.monotonic()
    (found,) = page.read.texts
    assert found.text == "Museum" and abs(found.box.middle[0] - 4000) < 87 and time.monotonic() - started < 30


def test_no_more_texts_are_given_than_the_limit_and_no_more_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    page = column("20", "30", "40", "50")
    monkeypatch.setattr(writing, "MAX_TEXTS", 2)
    assert texts(page.read) == ["20", "30"]
    writing.forget()
    monkeypatch.setattr(writing, "TIME_LIMIT_S", -1.0)
    assert texts(page.read) == []


def test_twenty_threads_that_ask_at_once_get_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    image, looks = column("20", "30", "40").image, []
    detect = reading.Reader.detect
    monkeypatch.setattr(reading.Reader, "detect", lambda self, *given: looks.append(1) or detect(self, *given))
    alone = read_writing(image.copy())
    once = len(looks)
    writing.forget()
    found: list[Writing] = []
    threads = [threading.Thread(target=lambda: found.append(read_writing(image.copy()))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 20 and len(looks) == 2 * once and alone.texts


def test_a_second_question_about_a_picture_pays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    page = column("20", "30")
    first = page.read

    def fail(*_: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(reading.Reader, "detect", fail)
    assert read_writing(page.image.copy()) is first


def test_pictures_are_forgotten_from_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "KEPT", 2)
    pictures = [Image.new("RGB", (40 + i, 40)) for i in range(3)]
    kept = [read_writing(picture) for picture in pictures]
    assert read_writing(pictures[2]) is kept[2] and read_writing(pictures[0]) is not kept[0]


def test_a_library_that_fails_costs_no_answer_and_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such network")

    page = column("20", "30")
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(writing, "_failures", set())
        patch.setattr(reading.Reader, "detect", fail)
        assert page.read == page.read == Writing(size=(360, 240))
        assert [record.getMessage() for record in caplog.records] == ["text of pictures is not read: RuntimeError: no such network"]
    assert texts(page.read) == ["20", "30"], "a later try may go well"


def test_the_library_is_not_imported_before_a_picture_is_read() -> None:
    code = "import sys, vision.pictures.writing as w; assert not {'rapidocr', 'onnxruntime', 'cv2'} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def label(text: str, x: float, y: float, angle: float = 0.0) -> Text:
    return Text(text=text, box=Box(x, y, x + 10 * len(text), y + 12), angle=angle)


def test_writing_is_built_without_reading() -> None:
    built = Writing(size=(300, 200), texts=(label("Oslo", 10, 10), label("−3,000", 100, 11), label("Rome", 10, 50), label("64", 120, 50)))
    assert [[text.text for text in row] for row in built.rows] == [["Oslo", "−3,000"], ["Rome", "64"]]
    assert [text.text for text in built.columns[0]] == ["Oslo", "Rome"]
    assert [text.text for text in built.find("-3000")] == ["−3,000"] and not built.find("Bergen")
    assert [text.text for text in built.near(Box(100, 60, 110, 70), most=2)] == ["64", "−3,000"]


def test_labels_that_hang_from_an_axis_are_one_row() -> None:
    tall = [
        Text(text=name, box=Box(x, 100, x + 12, 100 + 9 * len(name)), angle=90.0)
        for name, x in (("Denmark", 20), ("Chad", 60), ("Peru", 99))
    ]
    assert [[text.text for text in row] for row in Writing(size=(200, 200), texts=tuple(tall)).rows] == [["Denmark", "Chad", "Peru"]]
    assert Writing(size=(9, 9)).rows == Writing(size=(9, 9)).columns == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_reads_for_itself() -> None:
    picture = Image.new("RGB", (300, 120), "white")
    ImageDraw.Draw(picture).text((40, 30), "Museum 64", fill="black", font=ImageFont.load_default(30))
    assert read_writing(picture).texts, "the reader is loaded before the fork"
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks beside threads; this is what is tested
        with context.Pool(1) as pool:
            assert pool.apply_async(_read_larger, (picture,)).get(timeout=60) == read_writing(picture.resize((600, 240))).texts[0].text


def _read_larger(picture: Image.Image) -> str:
    return read_writing(picture.resize((600, 240))).texts[0].text

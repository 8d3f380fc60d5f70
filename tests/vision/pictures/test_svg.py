from __future__ import annotations

import base64
import io
import time
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from vision import ImageError, Limits
from vision.pictures import drawing, ink, markup
from vision.pictures.documents import open_pictures
from vision.pictures.svg import LONG_SIDE, is_svg, open_svg
from vision.pictures.writing import Text

matplotlib.use("Agg")


def svg(inside: str, more: str = "", size: str = 'width="400" height="300"') -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{more}<svg {names} {size}>{inside}</svg>".encode()


def texts(data: bytes) -> dict[str, Text]:
    _, writing = open_svg(data)
    return {text.text: text for text in writing.texts} if writing else {}


def chart(**settings: object) -> bytes:
    from matplotlib import pyplot

    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(figsize=(4, 3), layout="constrained")
        axes.bar(["Museum", "Café fi"], [64, 85])
        axes.set_ylabel("Visitors")
        axes.set_title("At 10$^{3}$ & <more>\nof both")
        stream = io.BytesIO()
        figure.savefig(stream, format="svg")
        pyplot.close(figure)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["path", "none"])
def test_a_chart_of_matplotlib_says_its_own_texts_however_its_letters_are_saved(kind: str) -> None:
    found = texts(chart(**{"svg.fonttype": kind}))
    assert {"Museum", "Café fi", "0", "20", "80", "Visitors", "of both"} <= set(found)
    titles = [text for text in found if "more" in text]
    assert all(text.startswith("At 10") and text.endswith("& <more>") for text in titles), "never a part of a formula for the whole"
    assert titles or kind == "none", "letter by letter in widths of another font"
    assert found["Visitors"].angle == 90 and found["Visitors"].box.height > 3 * found["Visitors"].box.width
    assert found["Museum"].box.middle[0] < found["Café fi"].box.middle[0] and found["80"].box.top < found["20"].box.top
    assert found["Museum"].box.top > 1000, "in pixels of the drawing, which is 1200 high"


def test_words_stand_where_the_drawing_shows_them() -> None:
    image, writing = open_svg(svg('<g transform="translate(200 100)"><text font-size="20" text-anchor="middle" fill="red">Oslo</text></g>'))
    assert image.size == (LONG_SIDE, 1200) and writing is not None and writing.size == image.size
    (text,) = writing.texts
    red = image.getchannel("G").point(lambda value: 255 if value < 128 else 0).getbbox()
    assert red is not None
    assert text.box.left == pytest.approx(red[0], abs=3) and text.box.bottom == pytest.approx(red[3], abs=3)
    assert text.box.middle[0] == pytest.approx(800, abs=8)


PLACED = {
    "rotate": ('<text transform="rotate(-90 100 200)" x="100" y="200" font-size="14">Upwards</text>', {"Upwards": 90}),
    "turned by its parents": ('<g transform="translate(99 99)"><g transform="matrix(0 1 -1 0 0 0)"><text>Down</text></g></g>',
                             {"Down": -90}),
    "rising": ('<text transform="translate(99 200) rotate(-45)">Rising label</text>', {"Rising label": 45}),
    "lines": ('<text y="50"><tspan x="30">First line</tspan><tspan x="30" dy="1.2em">Second</tspan></text>',
              {"First line": 0, "Second": 0}),
    "words one by one": ('<text y="50"><tspan x="30">Net</tspan><tspan x="60">gain</tspan><tspan x="300">Far</tspan></text>',
                         {"Net gain": 0, "Far": 0}),
    "bold inside": ('<text x="30" y="50">Sum <tspan font-weight="bold">of all</tspan> years</text>', {"Sum of all years": 0}),
    "letters placed singly": ('<text x="30 40 50 60" y="50">Oslo</text>', {"Oslo": 0}),
    "a style": ('<style>.a{font-size:30px}</style><text class="a" x="30" y="50">Styled</text>', {"Styled": 0}),
    "a minus": ('<text x="30" y="50" font-size="10">−5</text><text x="60" y="50" font-size="10">-</text>', {"−5": 0, "-": 0}),
    "a raised number": ('<text x="30" y="50">Area in m<tspan dy="-0.6em" style="font-size:70%">2</tspan>'
                        '<tspan dy="0.42em">&#8203;</tspan> net</text>',
                        {"Area in m2 net": 0}),
    "a fallback for HTML": ('<switch><foreignObject width="50" height="50"><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>'
                            '<text x="30" y="50">Box A</text></switch>', {"Box A": 0}),
    "pale": ('<text x="30" y="50" opacity="0.5">Half there</text>', {"Half there": 0}),
    "a link": ('<a href="http://x"><text x="30" y="50">Linked</text></a>', {"Linked": 0}),
    "a font that nobody has": ('<text x="30" y="50" font-family="Nobody has this">Any font</text>', {"Any font": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("inside", "expected"), PLACED.values(), ids=PLACED)
def test_texts_are_found_however_they_are_placed(inside: str, expected: dict[str, float]) -> None:
    assert {text: found.angle for text, found in texts(svg(inside)).items()} == pytest.approx(expected)


HIDDEN = {
    "not displayed": '<text x="9" y="99" display="none">SECRET</text>',
    "hidden": '<text x="9" y="99" style="visibility:hidden">SECRET</text>',
    "made hidden by a style": "<style>.h{visibility:hidden !important}</style><text class='h' x='9' y='99'>SECRET</text>",
    "clear": '<text x="9" y="99" opacity="0">SECRET</text>',
    "nearly clear": '<text x="9" y="99" fill-opacity="0.02">SECRET</text>',
    "without colour": '<text x="9" y="99" fill="none">SECRET</text>',
    "white on white": '<text x="9" y="99" fill="#fefefe">SECRET</text>',
    "outside": '<text x="9" y="999">SECRET</text>',
    "half outside": '<text x="365" y="99">SECRET THINGS</text>',
    "covered": '<text x="9" y="99">SECRET</text><rect y="70" width="300" height="200" fill="white"/>',
    "clipped": '<clipPath id="c"><rect width="25" height="300"/></clipPath><text clip-path="url(#c)" x="9" y="99">SECRET THINGS</text>',
    "too small": '<text x="9" y="99" font-size="0.4">SECRET</text>',
    "squeezed": '<text x="9" y="99" textLength="8" lengthAdjust="spacingAndGlyphs">SECRET THINGS</text>',
    "upon another": '<text x="30" y="50" fill="none">SEEN</text>',
    "under another": '<text x="30" y="50" fill-opacity="0.01">SEEM</text>',
    "only defined": '<defs><text id="t" x="9" y="99">SECRET</text></defs>',
    "a title": "<title>SECRET</title><desc>SECRET</desc><metadata>SECRET</metadata>",
    "a comment": '<!-- SECRET --><g><path d="M9 9h50v50z"/></g>',
    "HTML": '<foreignObject width="99" height="99"><p xmlns="http://www.w3.org/1999/xhtml">SECRET</p></foreignObject>',
    "no letters": '<text x="9" y="99" font-family="serif">\ue001\ue002\ue003</text>',
}


@pytest.mark.parametrize("inside", HIDDEN.values(), ids=HIDDEN)
def test_what_nobody_sees_is_not_claimed(inside: str) -> None:
    assert set(texts(svg('<text x="30" y="50">Seen</text>' + inside))) == {"Seen"}


def test_a_comment_over_other_letters_is_what_is_drawn_and_so_hides_nothing() -> None:
    shapes = '<g id="a"><!-- Museum --><g transform="translate(50 90) scale(0.3 -0.3)"><use xlink:href="#DejaVuSans-41"/></g></g>'
    image, writing = open_svg(svg('<defs><path id="DejaVuSans-41" d="M0 0h90v90z"/></defs>' + shapes))
    assert writing is not None and [text.text for text in writing.texts] == ["Museum"]
    assert writing.texts[0].box.width > 300, "the word is drawn, not the shape"


def test_a_drawing_without_texts_of_its_own_is_left_to_ocr() -> None:
    assert open_svg(svg('<rect width="99" height="99"/>'))[1] is None
    formula = '<!-- $\\sqrt{x}$ --><g transform="scale(0.1 -0.1)"><use href="#a"/></g>'
    assert open_svg(svg('<text x="30" y="50">Seen</text>' + formula))[1] is None, "half of what is written is not spelled"


REFUSED = {
    "entities": (svg("<text>&a;</text>", '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'), "entities"),
    "a file as an entity": (svg("<text>&a;</text>", '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "entities"),
    "too deep": (svg("<g>" * 500 + "</g>" * 500), "within each other"),
    "too deep where it is left out": (svg("<x>" * 5000 + "</x>" * 5000), "within each other"),
    "cut off": (svg("<g>")[:-6], "damaged"),
    "no XML": (b"<svg <<<", "damaged"),
    "another root": (b"<p><svg/></p>", "no SVG"),
    "no size": (svg("", size=""), "how large"),
    "a size that is none": (svg("", size='width="1e999" height="3"'), "how large"),
    "too thin": (svg("", size='width="4000" height="1"'), "long and thin"),
    "too many bytes": (svg("<!--" + "x" * markup.MAX_SVG_BYTES + "-->"), "MB"),
    "too many pictures": (svg('<image href="data:image/png;base64,AA"/>' * 99), "99 pictures"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_gives_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        open_svg(data, "chart.svg")
    assert str(caught.value).startswith("chart.svg") and "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_limits_hold_before_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "draw", lambda *_, **__: pytest.fail("was drawn"))
    for limits in (Limits(max_bytes=50), Limits(max_pixels=1000)):
        with pytest.raises(ImageError):
            open_svg(svg('<text x="9" y="9">a</text>'), limits=limits)


def test_copies_of_copies_of_copies_are_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "TIMEOUT_S", 3.0)
    levels = "".join(f'<g id="l{n}">' + f'<use href="#l{n - 1}"/>' * 10 + "</g>" for n in range(1, 9))
    start = time.monotonic()
    with pytest.raises(ImageError, match="draw"):
        open_svg(svg('<g id="l0" opacity="0.5"><rect width="300" height="300"/><rect width="200" height="300"/></g>' + levels))
    assert time.monotonic() - start < 20


def test_nothing_outside_is_reached(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (50, 50), "red").save(secret)
    inside = f'<image href="file://{secret}" width="99" height="99"/><image xlink:href="{secret}" width="99" height="99"/>'
    inside += f'<image href="http://127.0.0.1:9/a.png" width="9" height="9"/><use href="{secret}#a"/>'
    inside += f'<style>@import url({secret}); rect{{fill:url("{secret}")}}</style><rect fill="url(http://x)" width="0" height="0"/>'
    nested = base64.b64encode(svg(f'<image href="{secret}" width="99" height="99"/>')).decode()
    inside += f'<image href="data:image/svg+xml;base64,{nested}" width="99" height="99"/><script>alert(1)</script>'
    image, _ = open_svg(svg(inside))
    assert image.getextrema() == ((255, 255),) * 3
    written = markup.written(markup.parse(svg(inside + '<g onclick="alert(1)"/>'), "a", Limits()))
    assert not any(part in written for part in (str(secret), "http://x", "127.0.0.1", "script", "onclick", "@import"))


def test_a_picture_inside_is_drawn_once_it_was_opened_with_suspicion() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (50, 50), "red").save(stream, "PNG")
    held = f'<image xlink:href="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}" width="400" height="300"/>'
    assert open_svg(svg(held))[0].getpixel((800, 600)) == (255, 0, 0)


def test_letters_are_drawn_on_a_machine_without_fonts() -> None:
    (image,) = drawing.draw(
        ['<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><text y="40" font-size="40">Oslo</text></svg>']
    )
    assert image.convert("L").getextrema()[0] == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [(svg(""), True), (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- a --><svg>", True), ("<svg>".encode("utf-16"), True),
     (b"<svg:svg xmlns:svg='x'>", True), (b"<html><svg>", False), (b"\x89PNG<svg>", False), (b"<svgx>", False), (b"", False)],
)  # fmt: skip
def test_a_drawing_is_known_by_how_it_begins(data: bytes, expected: bool) -> None:
    assert is_svg(data) is expected


@pytest.mark.parametrize(
    "size", ['width="4in" height="3in"', 'viewBox="0 0 40 30"', 'width="100%" viewBox="0,0,40,30"', 'width="80mm" viewBox="0 0 4 3"']
)
def test_every_way_to_say_a_size_gives_the_same_drawing(size: str) -> None:
    assert open_svg(svg("", size=size))[0].size == (1600, 1200)


def test_a_drawing_comes_from_a_path_and_as_a_data_uri(tmp_path: Path) -> None:
    data = svg('<text x="30" y="50">Seen</text>')
    (tmp_path / "a.svg").write_bytes(data)
    for source in (tmp_path / "a.svg", "data:image/svg+xml;base64," + base64.b64encode(data).decode(), data):
        (picture,) = open_pictures(source)
        assert picture.writing is not None and picture.writing.texts[0].text == "Seen"


def test_each_text_is_missing_from_a_set_of_drawings_of_its_own() -> None:
    code = ink.codes(300)
    assert len(set(code)) == 300 and {len(each) for each in code} == {5} and max(map(max, code)) == 10
    assert not any(first < second for first in code for second in code), "two together look like no third"

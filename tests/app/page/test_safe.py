from __future__ import annotations

import pytest

from app.page.render import step_html
from app.page.safe import MAX_MATH_CHARS, formulas, harmless, inline_html, visible
from vision import steps_of

NASTY = (
    r"\text{<img src=x onerror=alert(1)>}",
    r"\href{javascript:alert(1)}{x}",
    r"\style{background:url(//e.vil)}{x}",
    r"\class{lf-true}{x}",
    "x<script>alert(1)</script>",
    r"\text{&lt;script&gt;}",
)


@pytest.mark.parametrize("source", NASTY)
def test_no_formula_brings_a_tag_or_an_address_of_its_own(source: str) -> None:
    for made in (step_html(steps_of(rf"So \({source}\) is it.")[0]), inline_html(rf"\({source}\)", formulas(rf"\({source}\)"))):
        assert (
            "<script" not in made and "<img" not in made and "href=" not in made and "style=" not in made and 'class="lf-true' not in made
        )


def test_formulas_are_drawn_and_currency_is_left_alone() -> None:
    made = step_html(steps_of(r"Half is \(\frac{1}{2}\), it costs $5 and $6.")[0])
    assert "<mfrac>" in made and "$5 and $6" in made


def test_a_claim_inside_a_formula_is_marked() -> None:
    made = step_html(steps_of(r"So \(3 + 4 = 8\).")[0])
    assert "<math>" in made and "lf-false" in made and ">7</span>" in made


def test_what_is_no_formula_is_shown_as_it_was_written() -> None:
    for text in (r"a \(\frac{\) b", rf"\({'x' * (MAX_MATH_CHARS + 1)}\)", rf"\({'{' * 900 + '}' * 900}\)"):
        assert formulas(text) == [] and inline_html(text, formulas(text))


def test_emphasis_and_code_are_shown_and_links_are_not_links() -> None:
    assert inline_html("**a** and `b`") == "<strong>a</strong> and <code>b</code>"
    assert "<a" not in inline_html("[x](http://e.vil) <http://e.vil>") and "<img" not in inline_html("![x](http://e.vil/x.png)")


def test_a_product_with_stars_is_a_claim_and_no_emphasis() -> None:
    made = step_html(steps_of("3 * 4 = 12 and 2 * 5 = 10.")[0])
    assert made.count("lf-true") == 2 and "<em>" not in made


def test_characters_that_hide_or_turn_others_are_dropped() -> None:
    assert visible("a\u200bb\u202ec\u2066d\ufeff\ue000") == "abcd"
    assert "\u202e" not in harmless("x\u202ey") and "\u202e" not in step_html(steps_of("Read \u202e7.")[0])

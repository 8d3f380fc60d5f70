from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.thoughts.claims import find_claims

TRUE = [
    "39 + 31 = 70",
    "3/4 = 0.75",
    "12 × 5 = 60",
    "45 % of 80 is 36",
    "20 percent of 50 equals 10",
    "$1,200 + $300 = $1,500",
    "10 / 3 ≈ 3.33",
    "10/3 = 3.33",
    "2/3 = 0.67",
    "3/4 = 75%",
    "2^10 = 1024",
    "5 − 7 = −2",
    "12 cm × 5 cm = 60",
    "180 - 110 = 70°",
    "\\frac{3}{4} = 0.75",
    "3 \\times 4 = 12",
    "(2 + 3) * 4 = 20",
    "50 > 10",
    "12 ÷ 4 = 3",
    "12 divided by 4 is 3",
    "1,234.5 + 0.5 = 1,235",
    "3 x 4 = 12",
    "10 + 5 is about 15",
    "6² = 36",
    "-1/3 = -0.33",
]

FALSE = [
    ("39 + 31 = 71", "70"),
    ("3/4 = 0.8", "0.75"),
    ("45 % of 80 is 40", "36"),
    ("7 - 10 = 3", "-3"),
    ("224 / 5 = 45", "44.8"),
    ("1/3 = 0.4", "≈0.3333"),
    ("100 / 3 ≈ 40", "≈33.3333"),
    ("10 > 50", None),
    ("-1/3 = 0.33", "≈-0.3333"),
]

NOT_CLAIMS = ["x = 5", "May is 3.", "2x + 3 = 7", "x + 3 + 4 = 9", "In 2019 it was 40", "The sum of 3 and 4 is 7", "a = b", "see 3-5"]


@pytest.mark.parametrize("text", TRUE)
def test_a_true_claim_is_found_whole(text: str) -> None:
    claims = find_claims(f"So {text} here.")
    assert [(c.verdict, c.correct_value) for c in claims] == [("true", None)]
    assert text.rstrip("°%").startswith(claims[0].text.rstrip("°%")[: len(text) - 1])


@pytest.mark.parametrize(("text", "right"), FALSE)
def test_a_false_claim_comes_with_the_right_value(text: str, right: str | None) -> None:
    assert [(c.text, c.verdict, c.correct_value) for c in find_claims(text)] == [(text, "false", right)]


@pytest.mark.parametrize("text", NOT_CLAIMS)
def test_what_claims_nothing_is_left_alone(text: str) -> None:
    assert find_claims(text) == []


def test_a_chain_is_checked_link_by_link() -> None:
    claims = find_claims("2 + 3 = 5 = 10 / 2 = 6")
    assert [(c.text, c.verdict) for c in claims] == [("2 + 3 = 5", "true"), ("5 = 10 / 2", "true"), ("10 / 2 = 6", "false")]


def test_several_claims_in_a_sentence_are_all_found() -> None:
    claims = find_claims("First 7 + 77 = 84. Then 84 + 75 = 158, and (2+3)*4 = 20.")
    assert [c.verdict for c in claims] == ["true", "false", "true"]


def test_a_claim_knows_its_place() -> None:
    text = "Add 39 + 31 = 70 now"
    claim = find_claims(text)[0]
    assert text[claim.start : claim.end] == claim.text == "39 + 31 = 70 now"[:12]


@pytest.mark.parametrize(
    "text",
    ["9**9999999 = 3", "9^9^9^9 = 1", "1/0 = 5", f"{'9' * 500} + 1 = 2", "2 ** -9999 = 0", f"{'(' * 300}1{')' * 300} + 1 = 2"],
)
def test_what_would_hang_is_not_computed(text: str) -> None:
    started = time.perf_counter()
    assert all(claim.verdict == "unchecked" for claim in find_claims(text))
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "text", ["5 " * 20_000, "1 + " * 20_000, "( " * 20_000 + "= 1", "1 = " * 5_000 + "2", "9" * 100_000, "a 1 " * 20_000]
)
def test_long_nonsense_is_read_quickly(text: str) -> None:
    started = time.perf_counter()
    find_claims(text)
    assert time.perf_counter() - started < 5


@given(st.text(alphabet="0123456789+-*/=<>().,% abxis\n$²^≈", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for claim in find_claims(text):
        assert text[claim.start : claim.end] == claim.text
        assert claim.verdict in ("true", "false", "unchecked")


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(-3, 3))
def test_sums_are_judged_exactly(a: int, b: int, off: int) -> None:
    claims = find_claims(f"{a} + ({b}) = {a + b + off}")
    assert [c.verdict for c in claims] == ["true" if off == 0 else "false"]
    if off:
        assert claims[0].correct_value == str(a + b)


@pytest.mark.parametrize("text", ["(3 + 4 = 8)", r"So \(3 + 4 = 8\).", "as said (3 + 4 = 8) before", "3 + 4 = 8)"])
def test_a_claim_in_brackets_is_checked(text: str) -> None:
    (claim,) = find_claims(text)
    assert (claim.text, claim.verdict, claim.correct_value) == ("3 + 4 = 8", "false", "7")


@pytest.mark.parametrize("text", ["2 * (3 + 4 = 14", "2 (3 + 4 = 14", "3 + 4) = 7"])
def test_a_bracket_that_never_closes_is_no_claim(text: str) -> None:
    assert all(claim.verdict != "false" for claim in find_claims(text))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (r"\(\frac{39 + 31}{2} = 35\)", "true"),
        (r"So \dfrac{39 + 31}{2} = 36.", "false"),
        (r"$$\frac{1 + \frac{6}{2}}{2 \times 2} = 1$$", "true"),
        (r"\left( 2 + 3 \right) \cdot 4 = 20", "true"),
    ],
)
def test_fractions_as_latex_writes_them(text: str, verdict: str) -> None:
    assert [claim.verdict for claim in find_claims(text)] == [verdict]


@pytest.mark.parametrize("text", [r"\frac{3 = 3", r"\frac{1}{ = 4", r"3 + 4} = 7", r"\frac" * 500 + "{" * 500 + "1 = 1", "}{" * 500])
def test_fractions_that_never_close_hang_and_claim_nothing_false(text: str) -> None:
    assert all(claim.verdict != "false" for claim in find_claims(text))


@pytest.mark.parametrize(
    "text",
    [
        "2(3 + 4) = 14",
        r"2\frac{1}{2} = 2.5",
        r"2 \frac{1 + 1}{4} = 2.5",
        r"\frac{1}{2}(4+6) = 5",
        "3(4) = 12",
        "f(3) = 9",
        "Sales (2020) = 50",
        "Total (5 items) = 70",
        "(3 + 4)(2) = 14",
    ],
)
def test_what_is_right_in_a_form_that_is_not_computed_is_not_called_false(text: str) -> None:
    assert all(claim.verdict != "false" for claim in find_claims(text))

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.thoughts.claims import find_claims

TRUE = [
    "12 (apples) + 3 (pears) = 15",
    "2 hours and 30 minutes + 45 minutes = 3 hours 15 minutes",
    "64 + 85 ≈ 150",
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
    "5 - 1 - 1/2 = 3 1/2",
    "3 1/2 + 1 1/2 = 5",
    r"\frac{18}{12}=1\frac{1}{2}",
    "$350 000 x 5/100 = $17 500",
    r"729,\!000 + 1 = 729,\!001",
    "1 200 + 300 = 1 500",
    "1.234,5 + 0,5 = 1.235",
    "3,5 + 1 = 4,5",
    "€1.200 + €300 = €1.500",
    r"5^8\cdot2^8=10^8",
    "6 inches/remora * 2 remoras = 12",
    "210 photos / 7 photos/batch = 30",
    "$1500/month * 12 months/year = $18,000",
    "7 packs of apples * $2 per pack = $14",
    "(25% + 40%) / 2 = 32.5%",
    "8 feet / 32 feet * 100% = 25%",
    "200 + 10% = 220",
    "50 * 12% = 6",
    "2(3+4) = 14",
    "1.5k + 500 = 2000",
    "2 h 30 min + 45 min = 3 h 15 min",
    "1 hour + 30 minutes = 90",
    "100 - 37 ≈ 60",
    "half of 50 = 25",
    "8 out of 32 = 25%",
    "√16 = 4",
    "3! + 4! = 30",
    "14 < 46",
    "sum of 3 and 4 is 7",
    "highest of 9, 11 and 10 is 11",
    "2000 / 2/3 = 3000",
    "4 *15 = 60",
    "40*.25 = 10",
    "15/16 = 94%",
    "1 kWh + 500 Wh = 1.5",
    "2 years + 6 months = 30",
    "3 nickels + 2 dimes = 35",
    "€5 - 50 cents = €4.50",
    "16 + 12 = $28 million",
    "24 / 2/3 = 36",
    "8 feet / 32 feet * 100% = 25",
]

FALSE = [
    ("39 + 31 = 71", "70"),
    ("45 % of 80 is 40", "36"),
    ("17 - 10 = 3", "7"),
    ("224 / 5 = 46", "44.8"),
    ("10% of 50 = 500", "5"),
    ("5 × 20 = 1%", "100"),
    ("50% + 50% = 75%", "1"),
    ("5 million × 3 million = 15 million", "15000000000000"),
    ("3 + 4 = 7 - 2", "7"),
    ("1/3 = 0.4", "≈0.3333"),
    ("100 / 3 ≈ 40", "≈33.3333"),
    ("10 > 50", None),
    ("-1/3 = 0.33", "≈-0.3333"),
    ("3 (boxes) + 4 = 8", "7"),
    ("64 + 85 = 150", "149"),
    ("highest of Oman 9 and Peru 11 is Oman 11", "Peru 11"),
]

NOT_CLAIMS = [
    "apples + 3 = 7",
    "so Sales * 2 = 14",
    "3 bags / 15 minutes = 8 bags / Y",
    "2L + 8 = 22",
    "4s + 16 = 2s + 32",
    "2g + 4s = 70 legs",
    "$2x-10 = 12$",
    "f(3) = 2(3)^2",
    r"$q(1) = (1^2 - 1)p(1) - 1 = -1$",
    r"$a_1 = \frac{3}{2}$",
    r"$279.\overline{00279} = 279$",
    "$100000000_{2} = 256$",
    "$4k^2 - 68k + 64 \\le 0$",
    "17 = 2 mod 5",
    "10 ÷ 4 = 2 remainder 2",
    "10/2/2019 = 5",
    "the meeting at 10:30 = 5",
    "5 phones = 5 × $3",
    "3, 4 and 5 = 12",
    "1/2 a cup = 4",
    "[asy] draw(a=3+4=8); [/asy]",
    "```\nx = 3 + 4 = 8\n```",
    "5 more than 3 is 9",
    "the 3rd = 4 - 2",
    "the highest of the 3 towers and 2 bridges is 10",
    "3/4 = 0.8",
    "224 / 5 = 45",
    "17 ÷ 5 = 3 boxes, 2 left",
    "17 / 5 = 4 (rounded up)",
    "7 // 2 = 3",
    "64 + 85 ≈ 148",
    "Is 12 > 20? No.",
    "64 > 85? No.",
    "3 + 4 = 8 is wrong.",
    "not 45 + 27 = 62",
    "45 + 27 = 62... wait, that is off",
    "If 3 + 4 = 8, then",
    "10-19 = 5 students",
    "2019–2024 = 5 years",
    "2019 + 2020 = 12 + 15",
    "2019 > 2020",
    "Room 5 is bigger than Room 8",
    "The sum of 2019 and 2020 is 85.",
    "The highest of 2019, 2020 and 2021 is 2020.",
    "The sum of group 1 and group 2 is 12.",
    "yes 54, no 36, unsure 10",
    "Responses: yes 64, no 36.",
    "1 + 2 + ... + 10 = 55",
    "10 AM + 4 hours = 2 PM",
    "- 5 + 8 = 3",
    "f'(3) = 2 × 3",
    "12 : 4 + 1 = 4",
    "95% CI = 70 ± 1.96 × 2",
    "1/4 = 20 students",
    "1/4 = 90°",
    "498 × 21 ≈ 500 × 20",
    "1.234 × 2 = 2468",
    "100 / 10 / 2 = 20",
    "5 m + 3 m = 8 km",
    "5 million + 3 million = 8",
    r"$2\frac{1}{2} = 1$",
    "x = 5",
    "May is 3.",
    "2x + 3 = 7",
    "x + 3 + 4 = 9",
    "In 2019 it was 40",
    "a = b",
    "see 3-5",
    "5 boxes of 10 + 2 = 52 pens",
    "It takes 3 rows of 8 / 2 = 12 plants.",
    "The difference between 9, 4 and 2 is 3.",
    "The mean of 3 and 4 is 4.",
    "48 = 100% + 20%",
    "√-16 = 4",
    f"√{16 * 10**4000} = 4",
    "The highest of Oman 9 and Peru 11 is Chad 11.",
]


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


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("5 cell phones is $153 x 5 = $765", ["$153 x 5 = $765"]),
        ("The cost of using packages of 3 is 6 × $2.50 = $15", ["6 × $2.50 = $15"]),
        ("Half of 10 pounds is 10/2=5 pounds", ["Half of 10 pounds is 10/2", "10/2=5"]),
        ("the two shirts in 10 years is 20 + 20 = 40", ["20 + 20 = 40"]),
        ("There are 50/5 = 10 sets of 5 devices.", ["50/5 = 10"]),
        ("He needs 90-30 = 60 more gift bags than she.", ["90-30 = 60"]),
        (r"$r_1r_2r_3 = 2^5 = 32$", ["2^5 = 32"]),
        ("Q1 + Q2 = 30 + 40 = 70", ["30 + 40 = 70"]),
        ("10 + 20 + 30 = 60 / 3 = 20", ["10 + 20 + 30 = 60", "60 / 3 = 20"]),
        ("**Total:** 12 + 3 = **15**", ["12 + 3 = **15"]),
        ("| 12 + 3 = 15 | 4 |", ["12 + 3 = 15"]),
        ("Sunday 14 is higher than Thursday 2", ["14 is higher than Thursday 2"]),
        ("Higher of Oman 9, Geestal 11: 9 < 11, Geestal 11.", ["Higher of Oman 9, Geestal 11: 9 < 11, Geestal 11", "9 < 11"]),
        (r"\begin{align*} 3 + 4 &= 7 \\ &= 5 + 2 \end{align*}", ["3 + 4 &= 7", r"7 \\ &= 5 + 2"]),
        ("25 - 7 = 18 (not 17)", ["25 - 7 = 18"]),
        ("It takes 135 ÷ 60 hours = 2 hours 15 minutes", ["135 ÷ 60 hours = 2 hours 15 minutes"]),
        ("150 / 60 hours = 150 minutes", ["150 / 60 hours = 150"]),
        ("2 hours 15 minutes = 135 / 60 hours", ["2 hours 15 minutes = 135 / 60"]),
        ("He has 7 apples (7 + 1 = 8)", ["7 + 1 = 8"]),
    ],
)
def test_prose_and_marks_around_a_claim_are_left_aside(text: str, claims: list[str]) -> None:
    assert [(claim.text, claim.verdict) for claim in find_claims(text)] == [(claim, "true") for claim in claims]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Higher of Oman 9, Geestal 11: Oman 9", "Geestal 11"),
        ("Higher of Oman 9, Geestal 11: Geestal 9", "Geestal 11"),
        ("lowest of 9, 11 and 10 is 10", "9"),
        ("average of 4, 6 and 8 is 7", "6"),
        ("3,5 + 1 = 4,6", "4.5"),
        ("7 packs of apples * $2 per pack = $15", "14"),
        ("46 < 14", None),
        ("135 / 60 hours = 2 hours 20 minutes", None),
    ],
)
def test_false_comparisons_and_formats_are_marked(text: str, right: str | None) -> None:
    assert [(claim.text, claim.verdict, claim.correct_value) for claim in find_claims(text)] == [(text, "false", right)]


def test_brackets_tell_what_is_divided_by_what() -> None:
    """``a / b / c`` may be read both ways; a stroke in brackets is not doubtful."""
    verdicts = {"10 / (1/4) = 40": ["true"], "10 / (1/4) = 43": ["false"], "(1/2) / (1/4) = 3": ["false"], "8 / 4 / 2 = 3": []}
    assert {text: [claim.verdict for claim in find_claims(text)] for text in verdicts} == verdicts


def test_what_was_counted_is_checked_as_it_grows_and_at_the_end() -> None:
    counted = "Above 5: A 7 yes 1, B 3 no 1, C 9 yes 3."
    assert [(c.text, c.verdict, c.correct_value) for c in find_claims(counted)][-1] == ("yes 3", "false", "yes 2")
    assert [c.verdict for c in find_claims("That makes 3.", before=counted)] == ["true"]
    assert [(c.verdict, c.correct_value) for c in find_claims("That makes 4.", before=counted)] == [("false", "3")]
    assert find_claims("That makes 4.") == []


def test_several_claims_in_a_sentence_are_all_found() -> None:
    claims = find_claims("First 7 + 77 = 84. Then 84 + 75 = 158, and (2+3)*4 = 20.")
    assert [c.verdict for c in claims] == ["true", "false", "true"]


def test_a_claim_knows_its_place() -> None:
    text = "Add 39 + 31 = 70 now"
    claim = find_claims(text)[0]
    assert text[claim.start : claim.end] == claim.text == "39 + 31 = 70 now"[:12]


@pytest.mark.parametrize(
    ("line", "false"),
    [
        ("Above 85: Ada 83 yes 1, Bo 66 no 1, Cy 87 yes 2.", ["83 yes"]),
        ("- Below 50: Ada 49 no 0, Bo 72 no 0, Cy 20 yes 1.", ["49 no"]),
        ("At least 20: Ada 20 yes 1, Bo 19 no 1.", []),
        ("Above 20: Ada 20 yes 1, Bo 19 no 1.", ["20 yes"]),
        ("Above 1,000: Ada 1,200 yes 1, Bo 900 no 1.", []),
        ("Above -5: Ada -3 yes 1, Bo -9 no 1.", []),
        ("Ada 83 yes 1, Bo 66 no 1.", []),
    ],
)
def test_what_is_counted_is_on_its_side_of_the_limit(line: str, false: list[str]) -> None:
    assert [claim.text for claim in find_claims(line) if claim.verdict == "false"] == false


LISTS = ("Higher of Oman 9, Geestal 11: Oman 9", "A 7 yes 1, B 9 yes 2. That makes 2.")


@pytest.mark.parametrize("text", [*TRUE, *(text for text, _ in FALSE), *LISTS])
def test_what_stands_before_moves_a_claim_and_changes_nothing_else(text: str) -> None:
    def told(thought: str, skipped: int = 0) -> list[tuple[object, ...]]:
        claims = find_claims(thought)
        assert all(thought[claim.start : claim.end] == claim.text for claim in claims)
        return [(claim.text, claim.verdict, claim.correct_value, claim.start - skipped) for claim in claims]

    assert told(f"Well then. {text}", len("Well then. ")) == told(text) != []


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
        "10 ft (12 in / 1 ft) = 120",
        "$2lw + 2lh + 2wh = 2(10)(12) + 2(10)(10) + 2(12)(10) = 240 + 200 + 240 = 680$",
        "2ab + 3ab = 6ab",
        "So, ∠1 - ∠2 = 180° - (58° + 90°) = 180° - 148° = 32°.",
        "∑ 2 = 5 and ∫ 3 = 4",
        "(3 + 4)(2) = 14",
    ],
)
def test_what_is_right_in_a_form_that_is_not_computed_is_not_called_false(text: str) -> None:
    assert all(claim.verdict != "false" for claim in find_claims(text))


def test_a_count_is_marked_where_it_stands() -> None:
    text = "Above 70: A 92 yes 1, B 67 no 1, C 80 yes 2.\n- That makes 2."
    (*_, total) = find_claims(text, "")
    assert (total.start, total.end) == (text.index("That"), text.index("2.", 50) + 1) and text[total.start : total.end] == total.text

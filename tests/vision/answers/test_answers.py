from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.answers.answers import equivalent, extract, normalize, number_of, within

EXTRACTED = {
    "The answer is 70.": "70",
    "So it is clear.\nThe answer is **Blue**.": "Blue",
    "The final answer is: $\\frac{1}{2}$": "\\frac{1}{2}",
    "Thus \\boxed{12} and not \\boxed{x^{2}}": "x^{2}",
    "It is \\boxed{34": "34",
    "It is $\\boxed 2$.": "2",
    "It is \\fbox{C}.": "C",
    "The answer is Dr. J. Smith. He signed it.": "Dr. J. Smith",
    "The answer is R. J. Reynolds Tobacco.": "R. J. Reynolds Tobacco",
    "The answer is U.S. Department of Agriculture": "U.S. Department of Agriculture",
    "The answer is option B. The others are wrong.": "option B",
    "The answer is No. The bars are lower.": "No",
    "The answer is 3; 4": "3; 4",
    "Let me see. The correct option is B. It is larger.": "B",
    "3 + 4 = 7\nA: 7": "7",
    "It is 7.\n\nI hope this helps! Let me know if there is more.": "7",
    "The answer is Oslo; New York.": "Oslo; New York",
    "The answer is 5; that is all.": "5",
    "Answer: 1,200": "1,200",
    "steps\n#### 42": "42",
    "70": "70",
    "It is long.\nSeventy": "Seventy",
    "": "",
    "The answer is 3.5.": "3.5",
    "The answer is U.S.": "U.S",
    "Answer $ 9 $": "9",
    "Answer \\( 9+1 \\)": "9+1",
    "Answer $$\n9\n$$": "9",
    "Answer: \\[\n\\frac{1}{2}\n\\]": "\\frac{1}{2}",
    "Final Answer: The largest $n$ is 34.": "34",
    "It is not 10 but the total is 1,000.99€": "1,000.99€",
    "The answer is what $x$ is": "what $x$ is",
    "The answer is 70. I am confident that this answer is correct.": "70",
    "The answer is 70.\nThe answer is consistent with the data.": "70",
    "Final Answer: The answer is Paris.": "Paris",
    "The answer is 5, because 2 + 3 = 5.": "5",
    "The answers are 3 and 5.": "3 and 5",
    "The answer is that Ada is 3 years older.": "that Ada is 3 years older",
}


@pytest.mark.parametrize(("text", "answer"), EXTRACTED.items())
def test_the_final_answer_is_found(text: str, answer: str) -> None:
    assert extract(text) == answer


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("25", "25%"),
        ("1200", "1,200"),
        ("5", "$5"),
        ("blue", "Blue."),
        ("B", "(b)"),
        ("0.5", "\\frac{1}{2}"),
        ("70", "70.0"),
        ("70", "70 cm"),
        ("x^2 + 1", "1 + x^2"),
        ("-3", "−3"),
        ("the North", "north"),
        ("1000.99", "1,000.99$"),
        ("18", "\\$18"),
        ("32348", "\\$32,\\!348"),
        ("28", "28\\%"),
        ("-5", "-$5"),
        ("6 - 5i", "6-5i"),
        ("1000.99", "1,000.99 €"),
        ("1000.99", "1,000.99m²"),
        ("1000", "1 000"),
        ("1200.5", "1 200,5"),
        ("1000.99", "1000,99"),
        ("0.111", "0,111"),
        ("1234.5", "1.234,5"),
        ("(\\frac{3}{5},\\frac{8}{3}]", "$(0.6,2.6667]$"),
        ("8/3", "2.6667"),
        ("\\sqrt{2}", "1.41421"),
    ],
)
def test_the_same_answer_in_other_words_is_equal(gold: str, answer: str) -> None:
    assert equivalent(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [("2012", "2015"), ("Greece", "Germany"), ("100", "101"), ("1331 and 1728", "1728"), ("5", ""), ("blue", "dark blue"), ("x^2", "x^3")]
    + [("8/3", "2.6666"), ("8/3", "2.67"), ("0.12344", "0.1234"), ("2012", "2012.0004"), ("1,234", "1.234"), ("12,13", "1213")]
    + [("1,2,3", "123"), ("(0.6, 2.5]", "(0.6, 2.5)"), ("(3/5, 8/3]", "(0.6, 2.6666]"), ("3, 5", "3.5"), ("10 000", "10")],
)
def test_another_answer_is_not_equal(gold: str, answer: str) -> None:
    assert not equivalent(gold, answer)


def test_equivalence_is_symmetric_where_clusters_need_it() -> None:
    for a, b in [("25", "25%"), ("0.5", "1/2"), ("Blue", "blue."), ("7", "8")]:
        assert equivalent(a, b) == equivalent(b, a)


def test_formulas_are_compared_from_any_thread() -> None:
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(equivalent("(a+b)^2", "a^2 + 2ab + b^2"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [True] * 4


def test_a_formula_that_would_hang_counts_as_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.answers.formulas.TIMEOUT_S", 2.0)
    started = time.perf_counter()
    assert not equivalent("10^{10^{10}}", "7^{9^{9}}")
    assert time.perf_counter() - started < 40
    assert equivalent("x+1", "1+x"), "the judge is back after a hang"


def test_the_tolerance_is_only_in_the_rule_that_names_it() -> None:
    assert within("100", "104", 0.05)
    assert not within("100", "106", 0.05)
    assert not within("Greece", "Germany", 0.05)
    assert not within("64", "Museum", 0.05) and not within("Museum", "64", 0.05) and within("Museum", "museum", 0.05)
    assert not equivalent("100", "104")


def test_normal_forms_cluster() -> None:
    assert normalize(" **Blue**. ") == normalize("blue") == "blue"
    assert normalize("$1,200.00") == normalize("1200") == "1200"


@given(st.text(alphabet="0123456789eE.,+-−$% x²٣", max_size=12))
def test_no_text_breaks_the_reading_of_numbers(text: str) -> None:
    number = number_of(text)
    assert number is None or any(letter.isdigit() for letter in text)
    assert equivalent(text, text) or not text.strip()


@pytest.mark.parametrize("answer", ["$", '""'])
def test_marks_around_nothing_are_the_answer_itself(answer: str) -> None:
    assert extract(f"The answer is {answer}.") == answer

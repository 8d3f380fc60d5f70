from __future__ import annotations

import random
import time

import pytest

from finetune.benchmarks.graders import anls, chartqa, choice, relaxed, rounded, same
from vision.answers.answers import extract


@pytest.mark.parametrize(
    ("gold", "answer", "question"),
    [
        ("5", "5 apples", "How many apples are left?"),
        ("12", "12 apple trees", "How many apple trees?"),
        ("40", "$40", "How many dollars?"),
        ("206/9", "22 8/9", ""),
        ("-3/2", "-1 1/2", ""),
        ("5", "five", ""),
        ("Museum and Library", "Library, Museum", ""),
        ("Museum, Library and Park", "Park, Museum, and Library", ""),
        ("{1, 2, 3}", "3, 1, 2", ""),
        ("1,200", "1200", ""),
        ("(1, 2)", "(1,2)", ""),
        ("25%", "25 percent", ""),
        ("6e3", "6000", ""),
        ("18", "\\$18", "How much does she pay?"),
        ("70000", "\\boxed{\\$70,000}", "How much profit did he make?"),
        ("70000", "70000 dollars", "How much profit did he make?"),
        ("-5", "-$5", ""),
        ("12", "12 min", "How many minutes?"),
        ("3", "**3** apples", "How many apples?"),
        ("3", "$3$ apples", "How many apples?"),
        ("p - q", "p-q", ""),
        ("5", "After all red things are gone, there are 5 objects left.", "How many objects are left?"),
        ("3", "The slug is about 3 inches long.", "Measure the slug to the nearest inch."),
        ("9", "So, the perimeter is **9 yards**.\n\nI hope this helps! Ask me more.", "What is the perimeter?"),
        ("3", "There are three objects left on the table.", "How many objects are left?"),
    ],
)
def test_the_same_in_other_words_is_right(gold: str, answer: str, question: str) -> None:
    assert same(gold, extract(answer), question)


@pytest.mark.parametrize(
    ("gold", "answer", "question"),
    [
        ("5", "5 pears", "How many apples are left?"),
        ("5", "5 kg", "How many apples are left?"),
        ("5", "Now there are 5 pears left.", "How many apples are left?"),
        ("5", "There are at least 5 apples left.", "How many apples are left?"),
        ("5", "There are not 5 apples left.", "How many apples are left?"),
        ("5", "There are 5 or 6 apples left.", "How many apples are left?"),
        ("5", "5 apples were there. Now there are 4 apples.", "How many apples are left?"),
        ("12.5%", "0.125", ""),
        ("2012", "2015", ""),
        ("Museum and Library", "Museum", ""),
        ("Museum", "Museum and Library", ""),
        ("(1, 2)", "(2, 1)", ""),
        ("1,200", "200, 1", ""),
        ("Library", "Libraries of Oman", ""),
        ("3 1/2", "3", ""),
        ("2/0", "3", ""),
        ("[1, 2]", "[2, 1]", ""),
        ("1" * 65, "1" * 64 + "2", ""),
    ],
)
def test_another_answer_is_wrong(gold: str, answer: str, question: str) -> None:
    assert not same(gold, answer, question)


@pytest.mark.parametrize(
    ("gold", "answer", "options", "right"),
    [
        ("A", "A", ["12", "13"], True),
        ("A", "A) 12", ["12", "13"], True),
        ("A", "(A)", ["12", "13"], True),
        ("A", "**A**", ["12", "13"], True),
        ("A", "The correct option is A.", ["12", "13"], True),
        ("A", "Option A: 12", ["12", "13"], True),
        ("A", "12", ["12", "13"], True),
        ("B", "A) 12", ["12", "13"], False),
        ("A", "A) 13", ["12", "13"], False),
        ("A", "Germany", ["Greece", "Germany"], False),
        ("B", "Germany", ["Greece", "Germany"], True),
        ("A", "A bear", ["A bear", "A cat"], True),
        ("B", "A bear", ["A bear", "A cat"], False),
        ("C", "C", [], True),
        ("C", "E", ["A", "B", "C", "D", "E"], False),
        ("34", "34", ["12", "34"], True),
        ("B", "\\text{B}", ["12", "13"], True),
        ("B", "\\textbf{(B)}", ["12", "13"], True),
        ("B", "\\text{(B) }13", ["12", "13"], True),
        ("B", "$B$", ["12", "13"], True),
        ("B", '"B"', ["12", "13"], True),
        ("B", "Nucleus (B)", ["Cell", "Nucleus"], True),
        ("B", "B—Nucleus", ["Cell", "Nucleus"], True),
        ("A", "1/2", ["0.5", "0.25"], True),
        ("A", "A or B", ["12", "13"], False),
        ("A", "A, C", ["12", "13", "14"], False),
        ("A", "A large nucleus", ["Cell", "Nucleus"], False),
        ("B", "B is wrong", ["12", "13"], False),
        ("A", "D", ["D", "B", "A", "C"], False),
        ("B", "No, this is not an odd function.", ["Yes", "No"], True),
        ("A", "No, there are more than that. Yes.", ["Yes", "No"], False),
        ("A", "It is achieved by the Soft MoE model.", ["Soft MoE", "MoE"], True),
        ("B", "It is achieved by the Soft MoE model.", ["Soft MoE", "MoE"], False),
        ("A", "It is not the Soft MoE model.", ["Soft MoE", "MoE"], False),
        ("A", "Red or Blue", ["Red", "Blue"], False),
        ("A", "The angle is 115", ["15", "125"], False),
        ("B", "B (no)", ["yes", "no"], True),
        ("B", "(B) 160^\\circ", ["40^\\circ", "80^\\circ"], False),
        ("B", "(B) 80 degrees", ["40^\\circ", "80^\\circ"], True),
        ("B", "2", ["1", "2", "3", "4", "5"], True),
        ("B", "3", ["1", "2", "3", "4", "5"], False),
        ("B", "B", ["1", "2", "3", "4", "5"], True),
        ("A", "12 m", ["$12 \\mathrm{~m}$", "$14 \\mathrm{~m}$"], True),
        ("Blue", "B", ["Red", "Green"], False),
    ],
)
def test_an_option_is_named_by_its_letter_or_its_words(gold: str, answer: str, options: list[str], right: bool) -> None:
    assert choice(gold, answer, options) == right


def test_chartqas_rule_is_reported_in_several_readings() -> None:
    assert chartqa("2010", "2008").right and not chartqa("2010", "2008").rules["years exact"]
    assert chartqa("0.25", "25%").right and not chartqa("25", "25%").right, "as the authors' code divides by a hundred"
    told = chartqa("25", "25%").rules
    assert told["as written"] and told["strict"] and chartqa("0.25", "25%").rules["percent tolerant"]
    assert chartqa("100", "104").right and not chartqa("100", "104").rules["strict"] and not chartqa("100", "106").right
    assert relaxed("0", "0") and relaxed("0", "0.0") and not relaxed("0", "0.01"), "a target of 0 is a number"
    assert relaxed("25", "25%") and relaxed("1200", "1,200") and relaxed("5", "$5") and relaxed("blue", "Blue.")
    assert not relaxed("Greece", "Germany") and relaxed("5", "5 people", question="How many people?")
    assert not relaxed("1512", "1500", years_exact=True) and relaxed("512", "500", years_exact=True)


def test_decimals_are_rounded_and_spellings_are_likened() -> None:
    assert rounded("1.20", "1.204", 2) and not rounded("1.20", "1.21", 2) and not rounded("1.2", "blue", 1)
    assert anls(["Coca Cola"], "coca cola") == 1.0 and 0.8 < anls(["Coca Cola"], "coca-cola") < 1 and anls(["Coca Cola"], "Pepsi") == 0.0
    assert anls([], "x") == 0.0


def test_equality_is_symmetric_without_a_question() -> None:
    for a, b in [("206/9", "22 8/9"), ("five", "5"), ("a, b", "b and a"), ("12.5%", "0.125"), ("Museum", "museum."), ("3,5", "3.5")]:
        assert same(a, b) == same(b, a)


HOSTILE = (
    "9^{9^{9}} \\frac{1}{0} ( ) [ ] , 10**10**10 \\sqrt{ } x^2 \\int 1e999999 ٣ ½ \u202e and A) % $ 0, 1\u00a0000 \\boxed{"
    " factorial(10000) ! 10! \\sum_{i=1}^{10^9} <think> __import__('os') \\left( 1.2345 2/3 nan inf five apples - −"
    " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1,1,1,1,1,1,1,1,1"
).split(" ")


def test_no_hostile_string_hangs_a_grader() -> None:
    rng, started = random.Random(0), time.perf_counter()
    for _ in range(1000):
        gold, answer = (" ".join(rng.choices(HOSTILE, k=rng.randint(1, 6))) for _ in range(2))
        same(gold, answer, "How many apples?")
        choice("A", answer, [gold, answer, "x"])
        relaxed(gold, answer, percent=True)
        anls([gold], answer)
    assert time.perf_counter() - started < 60

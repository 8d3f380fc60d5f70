from __future__ import annotations

import copy
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.vision.pictures.test_labels import BARS, writing
from vision import Reply, Usage
from vision.answers.expected import expected, expected_of_order
from vision.answers.trust import Trust, assess
from vision.pictures.box import Box
from vision.pictures.writing import Drawn, Writing
from vision.thoughts.steps import steps_of


def trust(thought: str, question: str, answer: str, picture: Writing = BARS) -> Trust:
    return assess(steps_of(thought, question, (picture,)), question, answer, (picture,))


ENDED = Usage(prompt_tokens=9, thought_tokens=9, answer_tokens=1, first_token_s=0.1, thinking_s=0.2, total_s=0.3, end="end")
READ = "Read Museum 64, Library 12, Park 85, Zoo 20.\n"


@pytest.mark.parametrize(
    ("thought", "question", "answer"),
    [
        (READ + "64 + 85 = 149", "How many visitors do Museum and Park have together?", "149"),
        (READ + "The highest is Park 85.", "Which has the most visitors?", "Park"),
        (READ + "Look up Library 12.", "How many visitors does Library have?", "12"),
        ("The museum had 64 visitors and the library 12.\n64 - 12 = 52", "How many more visitors had Museum than Library?", "52"),
        (READ + "The average is (64 + 12 + 85 + 20) / 4 = 45.25", "What is the average?", "45.25"),
    ],
)
def test_what_is_shown_whole_is_traced(thought: str, question: str, answer: str) -> None:
    told = trust(thought, question, answer)
    assert told.level == "traced" and told.line.startswith("Traced: "), told.line


def test_a_copy_of_the_text_is_the_same_picture() -> None:
    question = "Which has the most visitors?"
    steps = steps_of("Read Museum 64, Library 12, Park 85.\nThe highest is Park 85.", question, (BARS,))
    assert assess(steps, question, "Park", (copy.deepcopy(BARS),)) == assess(steps, question, "Park", (BARS,))
    assert "Zoo not read" in assess(steps, question, "Park", (copy.deepcopy(BARS),)).reasons


@pytest.mark.parametrize(
    ("thought", "question", "answer", "why"),
    [
        (READ + "64 + 85 = 139", "What is the sum of Museum and Park?", "139", "does not hold: it is 149"),
        ("Read Museum 12, Library 64, Park 85, Zoo 20.\n85 - 64 = 21", "By how much does Park exceed Library?", "21", "stands at"),
        (READ + "The highest is Zoo 20.", "Which has the most visitors?", "Zoo", "would be Park"),
        (READ + "64 + 85 = 149\n149 + 20 = 169", "What is the total of all?", "169", "would be 181"),
        (READ + "The lowest is Library 12.", "How many visitors has the lowest?", "Library", "asks for a number"),
        (
            "Look for Park: it is not in the picture.",
            "How many visitors has Park?",
            "The picture does not show Park",
            "Park is in the picture",
        ),
    ],
)
def test_what_contradicts_itself_or_the_picture_is_broken(thought: str, question: str, answer: str, why: str) -> None:
    told = trust(thought, question, answer)
    assert told.level == "broken" and why in told.line, told.line


@pytest.mark.parametrize(
    ("thought", "question", "answer", "why"),
    [
        ("Read Museum 64, Park 46.\nLook up Park 46.", "How many visitors has Park?", "46", "46 is not printed"),
        ("", "How many visitors has Park?", "85", "no steps were shown"),
        (READ, "How many visitors has Park?", "", "no answer"),
        (READ + "Look up Park 85.", "How many cats are there?", "99", "no step arrives at the answer"),
        ("Read Museum 64.\nLook up Museum 64.", "How much more has Park than Museum?", "64", "names Park"),
    ],
)
def test_what_is_not_shown_is_open_and_says_why(thought: str, question: str, answer: str, why: str) -> None:
    told = trust(thought, question, answer)
    assert told.level == "open" and any(why in reason for reason in told.reasons), told


def test_one_printed_number_for_two_names_is_broken_where_another_is_left() -> None:
    pie = writing(("Ada", 100, 80), ("Bo", 420, 130), ("Cy", 250, 330), ("30%", 180, 150), ("50%", 330, 200), ("20%", 240, 260))
    told = trust("Read Ada 30, Bo 30, Cy 20.\n30 + 30 = 60", "What is Ada plus Bo?", "60", pie)
    assert told.level == "broken" and "30 stands once" in told.line


def test_a_reply_is_traced_when_it_has_ended_and_without_text_it_says_why() -> None:
    growing = Reply(question="?", thought="2 + 2 = 4", answer_text="4")
    ended = Reply(question="?", thought="2 + 2 = 4", answer_text="4", usage=ENDED)
    assert growing.trust is None
    assert ended.trust is not None and ended.trust.level == "open" and "no picture was read" in ended.trust.line


READINGS = {"Ada": Fraction(5), "Eva": Fraction(9), "Ida": Fraction(7)}


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("What is the value for Eva?", ("9",)),
        ("How much is Ada?", ("5",)),
        ("What is the sum of Ada and Ida?", ("12",)),
        ("What is Ada plus Eva?", ("14",)),
        ("What is the average of Ada and Eva?", ("7",)),
        ("How much more is Eva than Ada?", ("4",)),
        ("How many more does Eva have than Ada?", ("4",)),
        ("What is the ratio of Eva to Ada?", ("≈0.5556", "1.8")),
        ("Which is higher, Ada or Ida?", ("Ida",)),
        ("Which is lower, Ada or Ida?", ("Ada",)),
        ("What is the total?", ("21",)),
        ("What is the average?", ("7",)),
        ("Which is the highest?", ("Eva", "9")),
        ("Which is the lowest?", ("Ada", "5")),
        ("Which is the second highest?", ("Ida", "7")),
        ("Which is the third highest?", ("Ada", "5")),
        ("Tell me number 2 from the bottom.", ("Ida", "7")),
        ("How far apart are the highest and the lowest?", ("4",)),
        ("What is the range?", ("4",)),
        ("What is the spread of the values?", ("4",)),
        ("How many are above 6?", ("2",)),
        ("How many are below 6?", ("1",)),
    ],
)
def test_plain_questions_have_one_expected_answer(question: str, answers: tuple[str, ...]) -> None:
    assert expected(question, READINGS) == answers


@pytest.mark.parametrize(
    "question",
    [
        "Why is Ada so low?",
        "By how many percent did Ada increase?",
        "Who drew this?",
        "",
        "Where is Ada?",
        "In what place is Ada?",
        "Which city has the value of Ada?",
        "What is above 6?",
        "How many are above or below 6?",
        "What is the mean of the highest?",
        "Which is the fourth highest?",
        "What is all of it?",
        "Is Ada higher or lower than Eva?",
        "What is the total of Ada and Eva in 3 days?",
    ],
)
def test_other_questions_have_none(question: str) -> None:
    assert expected(question, READINGS) == ()


def test_what_comes_before_and_after_in_a_diagram() -> None:
    order = ["Mix", "Bake", "Cool", "Eat"]
    assert expected_of_order("What comes right before Bake?", order) == ("Mix",)
    assert expected_of_order("Which step is two after Mix?", order) == ("Cool",)
    assert expected_of_order("Where does it end?", order) == ("Eat",)
    assert expected_of_order("From the picture: where do you go from Bake?", order) == ("Cool",)
    assert expected_of_order("From where do you get to Bake?", order) == ("Mix",)
    assert expected_of_order("How many steps are there?", order) == () == expected_of_order("What is before Mix?", order)


@pytest.mark.parametrize(
    ("thought", "question", "answer"),
    [
        ("Museum: 64, Library: 12, Park: 85, Zoo: 20\nThe highest is Park 85.", "Which has the most?", "Park"),
        ("For Museum 64, for Library 12.\n64 - 12 = 52", "How many more has Museum than Library?", "52"),
        ("Museum + Park = 64 + 85 = 149", "What is the sum of Museum and Park?", "149 visitors"),
        ("Museum and Library: 64 and 12.\n64 / 12 ≈ 5.33", "What is the ratio of Museum to Library?", "5.33"),
        ("Museum and Park have 64 and 85 visitors respectively.\n64 + 85 = 149", "How much is that together?", "149"),
        ("If Museum gets 20 more visitors, it has 84.\n64 + 20 = 84", "How many has Museum with 20 more?", "84"),
        (READ + "The bar of Park is blue.", "What color is the bar of Park?", "Blue"),
        (READ + "64 + 12 + 20 = 96", "How many visitors did not go to Park?", "96"),
        (READ + "There is no place with more visitors than Park.", "Which has the most?", "Park"),
        (READ + "The average is 181 / 4 = 45.25", "What is the average?", "45.3"),
        (READ + "12 < 20 < 64 < 85, so it is yes.", "Does Park reach 50 visitors?", "Yes"),
    ],
)
def test_what_people_write_in_another_way_is_not_called_broken(thought: str, question: str, answer: str) -> None:
    assert trust(thought, question, answer).level != "broken", trust(thought, question, answer).line


@pytest.mark.parametrize(
    ("thought", "question", "answer"),
    [
        ("Look up Museum 64.\nThe highest is Museum 64.", "Which has the most visitors?", "Museum"),
        ("Read Museum 64, Library 12.\n64 + 12 = 76", "What is the total number of visitors?", "76"),
        (READ + "64 + 12 = 76", "What is the sum of Museum, Library and Zoo?", "76"),
        (READ + "85 - 12 = 73", "By how many percent is Park higher than Library?", "73"),
        (READ + "Look up Library 12.", "How many has the place on the far right?", "12"),
    ],
)
def test_what_leaves_something_out_is_not_traced(thought: str, question: str, answer: str) -> None:
    assert trust(thought, question, answer).level != "traced", trust(thought, question, answer).line


NAMES = (("Museum", 120), ("Library", 250), ("Park", 380), ("Zoo", 510))


def bars(**values: float) -> Writing:
    """A chart without printed values whose bars were measured."""
    ticks = [(str(tick), 38.0, 330.0 - 3 * tick) for tick in (0, 20, 40, 60, 80)]
    picture = writing(*ticks, *((name, x, 360) for name, x in NAMES))
    drawn = [
        Drawn(name=name, value=values[name], error=0.5, box=Box(x - 20, 330 - 3 * values[name], x + 20, 330))
        for name, x in NAMES
        if name in values
    ]
    return replace(picture, drawn=tuple(drawn))


MEASURED = bars(Museum=64.2, Library=11.8, Park=84.9, Zoo=19.8)


@pytest.mark.parametrize(
    ("thought", "question", "answer"),
    [
        (READ + "64 + 85 = 149", "How many visitors do Museum and Park have together?", "149"),
        (READ + "The highest is Park 85.", "Which has the most visitors?", "Park"),
        ("Read Museum 65, Library 12, Park 83, Zoo 20.\nThe highest is Park 83.", "Which has the most visitors?", "Park"),
    ],
)
def test_what_is_read_where_it_is_drawn_is_traced(thought: str, question: str, answer: str) -> None:
    told = trust(thought, question, answer, MEASURED)
    assert told.level == "traced", told.line
    assert trust(thought, question, answer, replace(MEASURED, drawn=())).level == "open"


@pytest.mark.parametrize(
    ("thought", "question", "answer", "why"),
    [
        (
            "Read Museum 46, Library 12.\n46 - 12 = 34",
            "How many more has Museum than Library?",
            "34",
            "Museum is drawn at about 64.2, not at 46",
        ),
        (
            "Read Museum 85, Library 12, Park 85, Zoo 20.\nThe highest is Museum 85.",
            "Which has the most visitors?",
            "Museum",
            "from what is drawn the answer would be Park",
        ),
        ("Read Museum 66, Park 82.\n82 - 66 = 16", "What is Park minus Museum?", "16", "from what is drawn the answer would be about 20.7"),
    ],
)
def test_what_is_drawn_elsewhere_is_broken(thought: str, question: str, answer: str, why: str) -> None:
    told = trust(thought, question, answer, MEASURED)
    assert told.level == "broken" and why in told.line, told.line


@pytest.mark.parametrize(
    ("thought", "question", "answer"),
    [
        ("Read Museum 64, Library 19, Park 85.\nLook up Museum 64.", "How many visitors has Museum?", "64"),  # Library is not asked for
        ("Read Museum 64, Library 30, Park 85, Zoo 20.\nThe highest is Park 85.", "Which has the most visitors?", "Park"),
    ],
)
def test_a_wrong_reading_that_changes_nothing_leaves_the_answer_open(thought: str, question: str, answer: str) -> None:
    told = trust(thought, question, answer, MEASURED)
    assert told.level == "open" and "Library is drawn at about 11.8" in told.line, told.line


def test_nothing_is_said_of_bars_that_were_not_measured() -> None:
    some = bars(Museum=64.2, Library=11.8)
    told = trust(READ + "The highest is Park 85.", "Which has the most visitors?", "Park", some)
    assert told.level == "open" and "85 is not printed" in " ".join(told.reasons)
    by_series = replace(MEASURED, drawn=(Drawn(name="Museum", series="2019", value=5.0, error=0.1, box=Box(0, 0, 9, 9)),))
    assert trust("Look up Museum 64.", "How many visitors has Museum in 2020?", "64", by_series).level == "open"


@pytest.mark.parametrize(
    ("question", "answer"), [("Why is Park so high?", "85"), ("Thanks so much!", "85"), ("What has the most visitors?", "64")]
)
def test_an_answer_to_another_question_is_not_traced(question: str, answer: str) -> None:
    assert trust(READ + "The highest is Park 85.", question, answer).level != "traced"


def test_nothing_is_rounded_to_zero() -> None:
    picture = writing(("Tue", 60, 20), ("3", 120, 20), ("Wed", 60, 50), ("9", 120, 50))
    assert trust("Read Tue 3, Wed 9.\n3 / 9 = 0", "What is the ratio of Tue to Wed?", "0", picture).level == "broken"


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("What is 3 + 4?", "6", "3 + 4 is 7, not 6"),
        ("1 + 1 = ?", "11", "1 + 1 is 2, not 11"),
        ("what's 15% of 80", "13", "15% of 80 is 12, not 13"),
        ("Calculate (2 + 3) * 4.", "21", "(2 + 3) * 4 is 20, not 21"),
        ("What is 10/3?", "3.33", ""),
        ("What is 10/3?", "3", ""),
        ("What is 3 + 4?", "7", ""),
        ("What is 3 + 4 in binary?", "111", ""),
        ("What is 7 + 5 on a clock?", "1", ""),
        ("What is 9/11?", "2001", ""),
        ("What is 3 + 4?", "I cannot tell", ""),
        ("", "6", ""),
    ],
)
def test_a_question_that_is_a_calculation_is_worked_out(question: str, answer: str, why: str) -> None:
    trust = assess([], question, answer)
    assert (trust.level == "broken") == bool(why) and (not why or trust.reasons == (why,))
    ages = writing(("10-19", 100, 300), ("2500", 100, 100))
    assert not any("10-19 is" in reason for reason in assess([], "How much is 10-19?", "2500", (ages,)).reasons)


def test_names_that_are_years_are_no_numbers_to_be_off_by_a_little() -> None:
    """1994 for 1993 is another name, not a reading within five percent."""
    drawn = tuple(
        Drawn(name="Tuesday", series=year, value=value, error=0.5, box=Box(0, 0, 5, 5)) for year, value in (("1993", 95.0), ("1994", 21.0))
    )
    texts = (("1993", 300, 10), ("1994", 360, 10), ("0", 40, 330), ("50", 38, 210), ("100", 34, 90), ("Tuesday", 120, 360))
    picture = replace(writing(*texts), drawn=drawn)
    thought = "Read Tuesday: 1994 95, 1993 20.\nHigher of 1994 95, 1993 20: 95 > 20, 1994 95."
    told = trust(thought, "Compare 1994 and 1993 for Tuesday: which is higher?", "1994", picture)
    assert told.level == "broken" and "from what is drawn the answer would be 1993" in told.reasons


def test_where_the_number_is_largest_asks_for_a_name() -> None:
    assert trust(READ + "The highest is Park 85.", "Hi, where is the number largest", "Park").level == "traced"
    assert trust(READ + "Look up Park 85.", "What is the number of Park?", "Park").level == "broken"


def test_a_year_that_stands_once_may_be_a_part_of_several_names() -> None:
    picture = writing(("Q1", 20, 280), ("Q2", 120, 280), ("2018", 60, 295), ("12", 20, 100), ("23", 120, 60), ("9", 300, 60))
    thought = "Read Q1 2018 12, Q2 2018 23.\nAbove 15: Q1 2018 12 no 0, Q2 2018 23 yes 1.\nThat makes 1."
    assert trust(thought, "How often is the value more than 15?", "1", picture).level != "broken"


@pytest.mark.parametrize(
    ("question", "answer", "broken"),
    [
        ("Is Park or Zoo smaller?", "Library", True),
        ("Which is higher, Park or Zoo?", "Library", True),
        ("Is Park or Zoo smaller?", "Zoo", False),
        ("Besides Park or Zoo, which place is lowest?", "Library", False),
        ("Which place is lower than Park or Zoo?", "Library", False),
        ("Is Park, Zoo or Library the lowest?", "Library", False),
    ],
)
def test_a_name_that_was_not_offered_is_no_answer(question: str, answer: str, broken: bool) -> None:
    told = trust(READ + f"So it is {answer}.", question, answer)
    assert any("asks whether" in reason for reason in told.reasons) == broken


def test_a_tick_of_the_axis_may_be_read_twice() -> None:
    picture = writing(("7", 90, 172), ("5", 90, 278), ("Rome", 140, 380), ("Oslo", 320, 380))
    told = trust("Read Rome 5, Oslo 5.\n5 + 5 = 10", "What is the sum of Rome and Oslo?", "10", picture)
    assert not any("stands once" in reason for reason in told.reasons)


def test_without_a_picture_only_calculations_are_checked() -> None:
    steps = steps_of("2 * 15 = 30\n30 - 5 = 25", "How many flowers?")
    told = assess(steps, "How many flowers?", "25")
    assert told == Trust("open", ("no picture was read, so only calculations are checked",))
    assert assess(steps_of("2 * 15 = 35", ""), "How many?", "35").level == "broken"
    blank = assess(steps, "How many flowers?", "25", [Writing(size=(9, 9), texts=())])
    assert "no text was found in the picture, so nothing can be compared with it" in blank.reasons

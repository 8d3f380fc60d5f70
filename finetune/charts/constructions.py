"""What forms of questions are made of: their parts, words that mean the same, and constructions that several forms share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Form:
    """How one form of question is worded; ``held_out`` has constructions of any sort."""

    nouns: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    held_out: tuple[str, ...]


HIGH, LOW = "[highest|largest|biggest|greatest]", "[lowest|smallest]"
MOST, LEAST = "[highest|largest|biggest|top|greatest|maximum]", "[lowest|smallest|minimum]"
ABOVE = "[above|over|higher than|more than|greater than|larger than]"
BELOW = "[below|under|lower than|less than|smaller than]"
SORTED_HIGH = "[sorted|ordered|ranked] from [highest to lowest|high to low|largest to smallest]"
SORTED_LOW = "[sorted|ordered|ranked] from [lowest to highest|low to high|smallest to largest]"


def extreme(words: str, value: str, most: str, end: str, place: str, beyond: str, more: tuple[str, ...]) -> Form:
    """A form that asks who has the highest or the lowest value."""
    return Form(
        nouns=(
            f"the {{each}} with the {value} value{{of}}",
            f"the one with the {words} {{what}}{{of}}",
            f"the {{each}} [at the {end}|that is {place}]{{of}}",
            f"which {{each}} [has|shows|reaches] the {value} value{{of}}",
            f"the {words} {{each}} of [them all|all]{{of}}",
        ),
        questions=(
            f"Which {{each}} has the {value} value{{of}}?",
            f"[Which|What] {{each}} has the {words} {{what}}{{of}}?",
            f"Which [one|{{each}}] is the {words}{{of}}?",
            f"Which {{each}} has the {most}{{of}}?",
            f"Which [one|{{each}}] comes {place}{{of}}?",
            f"[What|Which one|Which {{each}}] is at the {end}{{of}}?",
            f"Where is the {value} value{{of}}?",
            f"Who has the {most}{{of}}?",
            f"Which [bar|entry|item|name] is the {words}{{of}}?",
            f"Which {{each}} does the {value} [value|number] belong to{{of}}?",
            f"Where do you [find|see] the {value} [value|number]{{of}}?",
            f"For which {{each}} is the {{what}} {words}{{of}}?",
            f"Whose {{what}} is the {words}{{of}}?",
            f"When you compare all of them, which {{each}} is {words}{{of}}?",
            f"Which {{each}} [comes out|turns out] {words}{{of}}?",
            f"Which {{each}} has {beyond} than all the others{{of}}?",
        ),
        requests=(
            f"Name the {{each}} with the {value} value{{of}}.",
            f"Name the {words} {{each}}{{of}}.",
            f"Which is {words}{{of}}?",
            f"Pick out the {words} [one|{{each}}]{{of}}.",
            f"Look for the {value} value{{of}}: which {{each}} is it?",
            *more,
        ),
        held_out=(
            f"Where is the {{what}} {words}{{of}}?",
            f"What has the {words} [value|number]{{of}}?",
            f"Of all of them, which is the {words}{{of}}?",
            f"the name of the {words} {{each}}{{of}}",
        ),
    )


def extreme_value(words: str, value: str, end: str, more: tuple[str, ...]) -> Form:
    """A form that asks for the highest or the lowest value itself."""
    return Form(
        nouns=(
            f"the {value} value{{of}}",
            f"the {words} {{what}}{{of}}",
            f"the {words} number{{of}}",
            f"the value of the {words} {{each}}{{of}}",
            f"how much the {words} {{each}} [has|shows]{{of}}",
            f"the value [at|on] the very {end} of the [list|ranking]{{of}}",
            f"the {words} of all [values|numbers]{{of}}",
        ),
        questions=(
            f"How much is the {words} {{each}}{{of}}?",
            f"How [high|large|big|much] is the {value} value{{of}}?",
            f"Which value is the {words}{{of}}?",
            f"What does the {words} {{each}} [have|reach|show]{{of}}?",
            f"What [value|number] does the {words} {{each}} [have|show|reach]{{of}}?",
            f"Which [number|figure|amount] is the {words}{{of}}?",
            f"What is [written|given] for the {words} {{each}}{{of}}?",
            f"What is the {words} [value|number] that [you see|is shown|occurs]{{of}}?",
            f"Which [number|value] stands at the very {end}{{of}}?",
        ),
        requests=(
            f"Read off the {value} value{{of}}.",
            f"Look for the {words} {{each}}{{of}}: how [much|many] does it have?",
            f"{end.capitalize()} value{{of}}?",
            *more,
        ),
        held_out=(f"the number at the {end}{{of}}", f"How [many|much] does the {words} {{each}} have{{of}}?"),
    )


def count(words: str, side: str, more: tuple[str, ...]) -> Form:
    """A form that asks how many values lie above or below a limit."""
    return Form(
        nouns=(
            f"the number of values {words} {{line}}{{of}}",
            f"the count of {{each}} values {words} {{line}}{{of}}",
            f"how many come out {words} {{line}}{{of}}",
            f"how many [bars|entries|points] are {words} {{line}}{{of}}",
        ),
        questions=(
            f"How many are {words} {{line}}{{of}}?",
            f"How many [values|numbers|bars|entries|of them|of the values] are {words} {{line}}{{of}}?",
            f"How many {{each}} values are {words} {{line}}{{of}}?",
            f"How many have a [value|number] {words} {{line}}{{of}}?",
            f"How many [come out|turn out] {words} {{line}}{{of}}?",
            f"How many times do you [find|see] a value {words} {{line}}{{of}}?",
            f"How often do you see a number {words} {{line}}{{of}}?",
            f"On how many occasions is it {words} {{line}}{{of}}?",
            f"For how many of them is the number {words} {{line}}{{of}}?",
            f"What number of values [is|comes out] {words} {{line}}{{of}}?",
            f"Are there values {words} {{line}}{{of}}, and how many?",
            f"If you draw a line at {{line}}, how many are {side} it{{of}}?",
        ),
        requests=(
            f"Count [the values|the ones|those|all that are] {words} {{line}}{{of}}.",
            f"Go through the values{{of}}: how many are {words} {{line}}?",
            f"Take {{line}} as the limit{{of}}: how many are {side} it?",
            f"Number of values {words} {{line}}{{of}}?",
            *more,
        ),
        held_out=(f"How often is the value {words} {{line}}{{of}}?", f"how many of all values are {words} {{line}}{{of}}"),
    )


def rank(words: str, end: str, best: str, order: str, place: str, side: str, more: tuple[str, ...]) -> Form:
    """A form that asks who comes at a place, counted from one end."""
    return Form(
        nouns=(
            f"the {{nth}} {words} {{each}}{{of}}",
            f"the {{each}} with the {{nth}} {words} [value|{{what}}]{{of}}",
            f"the {{ordinal}} {words} [{{each}}|one]{{of}}",
            f"the {{each}} in {place}{{of}}",
            f"number {{n}} when {order}{{of}}",
            f"place {{n}} of the {{each}} values {order}{{of}}",
            f"the one that is number {{number}} counted from the {end}{{of}}",
        ),
        questions=(
            f"Which {{each}} has the {{nth}} {words} [value|{{what}}|number]{{of}}?",
            f"[Which|What] [one|{{each}}] is the {{nth}} {words}{{of}}?",
            f"Which [one|{{each}}] ranks {{nth}} from the {end}{{of}}?",
            f"[Who|Which one|What|Which {{each}}] is {{nth}} {best}{{of}}?",
            f"Who has the {{nth}} {words} [value|number]{{of}}?",
            f"Counting from the {end}, [which one|which {{each}}|what] [is|comes] {{nth}}{{of}}?",
            f"Counting from the {end}, [who|which {{each}}|what] is number {{n}}{{of}}?",
            f"If [they are|all values are] {order}, [which|what] comes {{nth}}{{of}}?",
            f"When {order}, which {{each}} is [number {{n}}|in position {{n}}|{{ordinal}}]{{of}}?",
            f"Which {{each}} [takes|holds|gets] {place}{{of}}?",
            f"Who is in {place}{{of}}?",
            f"Which {{each}} has exactly {{before}} {side} than it{{of}}?",
            f"Which {{each}} has the {{ordinal}} {words} [value|{{what}}]{{of}}?",
        ),
        requests=(
            f"Name the {{nth}} {words} {{each}}{{of}}.",
            f"Which is {{nth}} {words}{{of}}?",
            f"Start with the {words} one{{of}}: which {{each}} is number {{n}}?",
            f"Put the values in order, the {words} first{{of}}: [who is number {{n}}|which {{each}} is {{nth}}]?",
            f"Rank them from the {end}{{of}}: who is [{{nth}}|number {{number}}]?",
            *more,
        ),
        held_out=(f"number {{n}} from the {end}{{of}}", f"Which [one|{{each}}] is {{nth}} from the {end}{{of}}?"),
    )

"""The constructions in which each form of question about one series of values is asked.

Those about two names are in :mod:`finetune.charts.pairs_forms`, those about diagrams, shapes and whole pictures in
:mod:`finetune.charts.figures_forms`.

A form has *nouns* (``the gap between {a} and {b}{of}``, which an opening makes a question or a request), whole
*questions*, and *requests*. ``[a|b]`` stands for either. Some constructions of each form are *held out*: training never
asks so, nor did the phrases that nano was trained on before, so that wordings are measured apart. Whoever adds one to the
trained ones looks first that it is none of these.

A small model knows no word that it has never seen. So the trained constructions are many, and hold the words that people
use for each form.
"""

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


def _extreme(words: str, value: str, most: str, end: str, place: str, beyond: str, more: tuple[str, ...]) -> Form:
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


def _extreme_value(words: str, value: str, end: str, more: tuple[str, ...]) -> Form:
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


def _count(words: str, side: str, more: tuple[str, ...]) -> Form:
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


def _rank(words: str, end: str, best: str, order: str, place: str, side: str, more: tuple[str, ...]) -> Form:
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


VALUES: dict[str, Form] = {
    "value": Form(
        nouns=(
            "the value [for|of] {name}{of}",
            "the {what} [of|for] {name}{of}",
            "the number [for|of|at] {name}{of}",
            "what {name} has{of}",
            "how much {name} has{of}",
            "the [amount|level|reading] [for|of] {name}{of}",
            "the [figure|number|amount] [shown|given|written|printed] for {name}{of}",
            "the [figure that goes with|number that goes with|value that belongs to] {name}{of}",
            "how [high|large] {name} is{of}",
            "the size of {name}{of}",
        ),
        questions=(
            "How much is {name}{of}?",
            "How [much|many] does {name} have{of}?",
            "How [many|much] for {name}{of}?",
            "[Which|What] value does {name} have{of}?",
            "[Which|What] number does {name} have{of}?",
            "What does the [chart|picture|figure] [show|say] for {name}{of}?",
            "How [big|high|large] is {name}{of}?",
            "[Which|What] {what} does {name} have{of}?",
            "At [what|which] [value|number|level] does {name} stand{of}?",
            "What [figure|amount|value] is [given|shown|written|there] for {name}{of}?",
            "What [does|did] {name} [reach|come to|get|show]{of}?",
            "How [high|far] does {name} [go|reach|get]{of}?",
            "What [is written|do you read|do you see|is there] [for|next to|beside] {name}{of}?",
            "What is {name} at{of}?",
            "How [much is|many are] there for {name}{of}?",
            "What value can be seen for {name}{of}?",
            "And {name}{of}?",
            "What can you say about {name}{of}: how much is it?",
        ),
        requests=(
            "Read [off|out] {name}{of}.",
            "Look at {name}{of}: how much is it?",
            "Value of {name}{of}.",
            "{name}{of}?",
            "Look up {name}{of}.",
            "Find {name}{of} and [say how much it is|read its value|give its number].",
            "{name}{of}: how [much|many|high]?",
        ),
        held_out=(
            "the figure for {name}{of}",
            "Where does {name} stand{of}?",
            "[Which|What] number [belongs to {name}|stands for {name}]{of}?",
            "What about {name}{of}?",
        ),
    ),
    "extreme high": _extreme(
        HIGH,
        MOST,
        "most",
        "top",
        "first",
        "more",
        (
            "Who [leads|is ahead|wins|is on top|comes out on top]{of}?",
            "Which {each} [tops the list|leads|wins|is the winner|beats all others|is ahead of all others]{of}?",
            "Which {each} [peaks|has the peak|is the maximum]{of}?",
            "Name the [leader|winner|front-runner]{of}.",
        ),
    ),
    "extreme low": _extreme(
        LOW,
        LEAST,
        "least",
        "bottom",
        "last",
        "less",
        (
            "Who [trails|is behind all others|comes out last|is in last place]{of}?",
            "Which {each} [trails|falls behind all others|ends up last|comes in last|has the fewest]{of}?",
            "Which {each} [is the minimum|has the low point]{of}?",
            "Name the one in last place{of}.",
        ),
    ),
    "extreme value high": _extreme_value(
        HIGH,
        MOST,
        "top",
        (
            "How high does it [go|get] at most{of}?",
            "What is the [maximum|peak|high point|most that is reached]{of}?",
            "What is the most that any {each} has{of}?",
            "Maximum{of}?",
        ),
    ),
    "extreme value low": _extreme_value(
        LOW,
        LEAST,
        "bottom",
        (
            "How low does it [go|get]{of}?",
            "What is the [minimum|low point|least that is reached]{of}?",
            "What is the least that any {each} has{of}?",
            "Minimum{of}?",
        ),
    ),
    "total": Form(
        nouns=(
            "the total{of}",
            "the total of all [values|{each} values|numbers]{of}",
            "the sum of all [values|numbers|{each} values]{of}",
            "the total {what}{of}",
            "the [grand|overall] total{of}",
            "everything [added up|put together|taken together]{of}",
            "how much there is [in all|altogether|in total]{of}",
            "the whole [amount|sum]{of}",
            "all values [added|added up|together]{of}",
        ),
        questions=(
            "How much is [it altogether|the total {what}|everything together|everything in total]{of}?",
            "What do all [{each} values|values|numbers|of them] [add up to|sum to|come to]{of}?",
            "How [many|much] [are there in total|is it in all|is it all together]{of}?",
            "What does everything [add up to|come to|sum to]{of}?",
            "[Altogether|In all|In total], how [much|many] is it{of}?",
            "What do you get when all values are [added up|put together|summed]{of}?",
            "If you add up all the [numbers|values|{each} values], what is the [total|result|sum]{of}?",
            "How much do all of them [make|give|amount to|total]{of}?",
            "What is the [complete|entire|full|whole] {what}{of}?",
            "What does it all [add up to|come to|amount to]{of}?",
            "How large is the [sum|total]{of}?",
        ),
        requests=(
            "Add [everything|all values|all of them] up{of}.",
            "Sum up [everything|all values]{of}.",
            "Total{of}?",
            "[Work out|Compute|Calculate|Determine] the [total|sum]{of}.",
            "Take all values together{of}: how much is it?",
            "Add all the [numbers|values] together{of}.",
            "Sum{of}?",
        ),
        held_out=(
            "the sum of everything{of}",
            "How [many|much] do they have [altogether|together|in total]{of}?",
            "What do you get when you add everything{of}?",
        ),
    ),
    "mean": Form(
        nouns=(
            "the average{of}",
            "the mean{of}",
            "the [average|mean] value{of}",
            "the [mean|average] of all values{of}",
            "the [average|mean] {what}{of}",
            "the average of everything{of}",
            "the average over all {each} values{of}",
            "the arithmetic average{of}",
            "the mean [number|amount]{of}",
            "the [average|mean] of [them all|the numbers]{of}",
            "the total divided by the number of values{of}",
            "how much each {each} has on average{of}",
        ),
        questions=(
            "How much is it on average{of}?",
            "How [much|high|large] is the [average|mean]{of}?",
            "How [much|many] does each have on average{of}?",
            "On average, how [much|many] is it{of}?",
            "What does the average [{each}|one] have{of}?",
            "What [do the values|does it|do the numbers] average out [to|at]{of}?",
            "What is it [per {each}|for each {each}] on average{of}?",
            "If it were [shared out|split|spread] evenly, how [much|many] would each {each} get{of}?",
            "Which [average|mean] do [the values|all values|the numbers] have{of}?",
            "Taking the average, what [comes out|do you get]{of}?",
            "Where does the [average|mean] lie{of}?",
        ),
        requests=(
            "[Work out|Calculate|Compute|Determine] the [mean|average]{of}.",
            "Average{of}?",
            "[Take|Form|Make] the [average|mean] of [all values|all of them|the numbers]{of}.",
            "Mean{of}?",
            "Add all values up and divide by how many there are{of}.",
        ),
        held_out=(
            "the arithmetic mean{of}",
            "What do they average{of}?",
            "Average [them|all values|everything]{of}.",
        ),
    ),
    "count above": _count(
        ABOVE,
        "above",
        (
            "How many [exceed|pass|go beyond|get past|go above] {line}{of}?",
            "How many times is {line} [exceeded|passed|surpassed]{of}?",
            "How many {each} values [exceed|pass|reach more than] {line}{of}?",
        ),
    ),
    "count below": _count(
        BELOW,
        "below",
        (
            "How many [stay under|do not reach|fall short of|fail to reach|stay below] {line}{of}?",
            "How many times is {line} not reached{of}?",
            "How many {each} values [stay under|do not reach|fall below] {line}{of}?",
        ),
    ),
    "rank high": _rank(
        HIGH,
        "top",
        "best",
        SORTED_HIGH,
        "{nth} place",
        "[higher|larger]",
        (
            "Which {each} [comes|finishes|ranks|is placed] {nth}{of}?",
            "After the top {before}, which {each} comes next{of}?",
            "Place {n} in the ranking{of}?",
            "Who comes in {ordinal}{of}?",
        ),
    ),
    "rank low": _rank(
        LOW,
        "bottom",
        "from last",
        SORTED_LOW,
        "{nth} to last place",
        "[lower|smaller]",
        (
            "Which {each} [comes|finishes|ranks] {nth} [to|from] last{of}?",
            "Apart from the bottom {before}, which {each} is lowest{of}?",
            "Place {n} from the end of the ranking{of}?",
            "Who comes in {ordinal} from last{of}?",
        ),
    ),
    "range": Form(
        nouns=(
            "the difference between the [highest|largest|biggest] and the [lowest|smallest] [value|{what}]{of}",
            "the [range|spread] of the values{of}",
            "the range{of}",
            "the gap between the [top|maximum|highest] and the [bottom|minimum|lowest] value{of}",
            "the [distance|difference] between maximum and minimum{of}",
            "the [span|spread|range] from the [lowest|smallest|minimum] to the [highest|largest|maximum]{of}",
            "the [maximum|top value] minus the [minimum|bottom value]{of}",
            "how far [the values|the numbers] [spread|range|are spread out]{of}",
            "how much [lies|there is] between the [lowest|smallest] and the [highest|largest] value{of}",
            "the [width|size] of the range{of}",
        ),
        questions=(
            "How far apart are the [highest|largest|biggest] and [the lowest|the smallest|lowest] {what}{of}?",
            "How far apart are [maximum and minimum|top and bottom|the extremes]{of}?",
            "How [large|big|wide] is the [range|spread]{of}?",
            "By how much do the [highest|largest] and the [lowest|smallest] value differ{of}?",
            "How much more does the [highest|top] have than the [lowest|bottom] {each}{of}?",
            "What is left when you take the [lowest|smallest] value from the [highest|largest]{of}?",
            "By how much does the [highest|largest|top] {each} exceed the [lowest|smallest|bottom] one{of}?",
            "From the [lowest|smallest] to the [highest|largest], how much is it{of}?",
            "How much [lower|less] is the [lowest|smallest] value than the [highest|largest]{of}?",
            "How far is it from the [bottom|lowest value] to the [top|highest value]{of}?",
            "How [much|far] do the values [vary|range|spread]{of}?",
        ),
        requests=(
            "Subtract the [lowest|smallest] from the [highest|largest] value{of}.",
            "Maximum minus minimum{of}?",
            "Range{of}?",
            "Top minus bottom{of}?",
            "Take the [minimum|lowest] away from the [maximum|highest]{of}.",
            "[Work out|Compute|Calculate|Determine] the [range|spread]{of}.",
        ),
        held_out=(
            "the largest minus the smallest value{of}",
            "How much [higher|larger|bigger] is the [highest|largest] than the [lowest|smallest] value{of}?",
        ),
    ),
}

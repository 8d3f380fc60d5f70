"""The constructions in which each form of question is asked.

A form has *nouns* (``the gap between {a} and {b}{of}``, which an opening makes a question or a request), whole
*questions*, and *requests*. ``[a|b]`` stands for either. Some constructions of each form are *held out*: training never
asks so, nor did the phrases that nano was trained on before, so that wordings are measured apart. Whoever adds one to the
trained ones looks first that it is none of these.
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


def _extreme(words: str, value: str, most: str, end: str, place: str) -> Form:
    return Form(
        nouns=(
            f"the {{each}} with the {value} value{{of}}",
            f"the one with the {words} {{what}}{{of}}",
            f"the {{each}} [at the {end}|that is {place}]{{of}}",
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
        ),
        requests=(f"Name the {{each}} with the {value} value{{of}}.", f"Name the {words} {{each}}{{of}}.", f"Which is {words}{{of}}?"),
        held_out=(
            f"Where is the {{what}} {words}{{of}}?",
            f"What has the {words} [value|number]{{of}}?",
            f"Of all of them, which is the {words}{{of}}?",
            f"the name of the {words} {{each}}{{of}}",
        ),
    )


def _extreme_value(words: str, value: str, end: str) -> Form:
    return Form(
        nouns=(
            f"the {value} value{{of}}",
            f"the {words} {{what}}{{of}}",
            f"the {words} number{{of}}",
            f"the value of the {words} {{each}}{{of}}",
        ),
        questions=(
            f"How much is the {words} {{each}}{{of}}?",
            f"How [high|large|big|much] is the {value} value{{of}}?",
            f"Which value is the {words}{{of}}?",
            f"What does the {words} {{each}} [have|reach|show]{{of}}?",
        ),
        requests=(f"Read off the {value} value{{of}}.",),
        held_out=(f"the number at the {end}{{of}}", f"How [many|much] does the {words} {{each}} have{{of}}?"),
    )


def _count(words: str) -> Form:
    return Form(
        nouns=(f"the number of values {words} {{line}}{{of}}", f"the count of {{each}} values {words} {{line}}{{of}}"),
        questions=(
            f"How many are {words} {{line}}{{of}}?",
            f"How many [values|numbers|bars|entries|of them|of the values] are {words} {{line}}{{of}}?",
            f"How many {{each}} values are {words} {{line}}{{of}}?",
            f"How many have a [value|number] {words} {{line}}{{of}}?",
        ),
        requests=(f"Count [the values|the ones|those|all that are] {words} {{line}}{{of}}.",),
        held_out=(f"How often is the value {words} {{line}}{{of}}?", f"how many of all values are {words} {{line}}{{of}}"),
    )


def _rank(words: str, end: str, best: str) -> Form:
    return Form(
        nouns=(f"the {{nth}} {words} {{each}}{{of}}", f"the {{each}} with the {{nth}} {words} [value|{{what}}]{{of}}"),
        questions=(
            f"Which {{each}} has the {{nth}} {words} [value|{{what}}|number]{{of}}?",
            f"[Which|What] [one|{{each}}] is the {{nth}} {words}{{of}}?",
            f"Which [one|{{each}}] ranks {{nth}} from the {end}{{of}}?",
            f"[Who|Which one|What|Which {{each}}] is {{nth}} {best}{{of}}?",
            f"Who has the {{nth}} {words} [value|number]{{of}}?",
        ),
        requests=(f"Name the {{nth}} {words} {{each}}{{of}}.", f"Which is {{nth}} {words}{{of}}?"),
        held_out=(f"number {{n}} from the {end}{{of}}", f"Which [one|{{each}}] is {{nth}} from the {end}{{of}}?"),
    )


def _compare(words: str) -> Form:
    return Form(
        questions=(
            f"Which is {words} [for|in] {{place}}, {{a}} or {{b}}?",
            f"[In|For] {{place}}, which [is|one is] {words}, {{a}} or {{b}}?",
            f"Which of {{a}} and {{b}} is {words} [in|for] {{place}}?",
            f"Between {{a}} and {{b}}, which is {words} [in|for] {{place}}?",
            f"Which one is {words} [in|for] {{place}}: {{a}} or {{b}}?",
            f"[Who|What] is {words} [in|for] {{place}}, {{a}} or {{b}}?",
        ),
        requests=(f"{{a}} or {{b}}: which is {words} [in|for] {{place}}?",),
        held_out=(
            f"Is {{a}} or {{b}} {words} [in|for] {{place}}?",
            f"Compare {{a}} and {{b}} [in|for] {{place}}: which is {words}?",
        ),
    )


FORMS: dict[str, Form] = {
    "value": Form(
        nouns=(
            "the value [for|of] {name}{of}",
            "the {what} [of|for] {name}{of}",
            "the number [for|of|at] {name}{of}",
            "what {name} has{of}",
            "how much {name} has{of}",
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
        ),
        requests=("Read [off|out] {name}{of}.", "Look at {name}{of}: how much is it?", "Value of {name}{of}.", "{name}{of}?"),
        held_out=(
            "the figure for {name}{of}",
            "Where does {name} stand{of}?",
            "[Which|What] number [belongs to {name}|stands for {name}]{of}?",
            "What about {name}{of}?",
        ),
    ),
    "extreme high": _extreme(HIGH, MOST, "most", "top", "first"),
    "extreme low": _extreme(LOW, LEAST, "least", "bottom", "last"),
    "extreme value high": _extreme_value(HIGH, MOST, "top"),
    "extreme value low": _extreme_value(LOW, LEAST, "bottom"),
    "difference": Form(
        nouns=(
            "the difference between {a} and {b}{of}",
            "the [gap|distance] between {a} and {b}{of}",
            "the difference of {a} and {b}{of}",
            "how much higher {a} is than {b}{of}",
        ),
        questions=(
            "How much [higher|more|larger|bigger|greater] is {a} than {b}{of}?",
            "How many more does {a} have than {b}{of}?",
            "How much more does {a} have [than|compared with] {b}{of}?",
            "By how [much|many] does {a} exceed {b}{of}?",
            "How much does {a} beat {b} by{of}?",
            "How much [lower|less|smaller] is {b} than {a}{of}?",
            "What is {a} minus {b}{of}?",
            "How far apart are {a} and {b}{of}?",
            "By how [much|many] do {a} and {b} differ{of}?",
            "{a} is how much above {b}{of}?",
        ),
        requests=("{a} minus {b}{of}?", "Compare {a} with {b}{of}: how much more is it?"),
        held_out=(
            "by how much {a} and {b} differ{of}",
            "How far is {b} behind {a}{of}?",
            "How many fewer does {b} have than {a}{of}?",
            "Subtract {b} from {a}{of}.",
        ),
    ),
    "sum": Form(
        nouns=(
            "the sum of {a} and {b}{of}",
            "the combined [value|{what}] of {a} and {b}{of}",
            "{a} plus {b}{of}",
        ),
        questions=(
            "How much are {a} and {b} [together|combined|in total|taken together]{of}?",
            "What do {a} and {b} [add up to|sum to|make together|come to|give together]{of}?",
            "How [many|much] do {a} and {b} have [together|combined|between them|in total]{of}?",
            "What do you get [for {a} plus {b}|when you add {a} and {b}]{of}?",
            "What does {a} plus {b} [make|give|come to]{of}?",
        ),
        requests=("Add {a} and {b}{of}.", "Add {b} to {a}{of}.", "{a} and {b} combined{of}?"),
        held_out=(
            "the total for {a} and {b}{of}",
            "How much is it if you add {a} [to|and] {b}{of}?",
            "Sum up {a} and {b}{of}.",
        ),
    ),
    "total": Form(
        nouns=(
            "the total{of}",
            "the total of all [values|{each} values|numbers]{of}",
            "the sum of all [values|numbers|{each} values]{of}",
            "the total {what}{of}",
            "the [grand|overall] total{of}",
        ),
        questions=(
            "How much is [it altogether|the total {what}|everything together|everything in total]{of}?",
            "What do all [{each} values|values|numbers|of them] [add up to|sum to|come to]{of}?",
            "How [many|much] [are there in total|is it in all|is it all together]{of}?",
            "What does everything [add up to|come to|sum to]{of}?",
        ),
        requests=("Add [everything|all values|all of them] up{of}.", "Sum up [everything|all values]{of}.", "Total{of}?"),
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
        ),
        questions=(
            "How much is it on average{of}?",
            "How [much|high|large] is the [average|mean]{of}?",
            "How [much|many] does each have on average{of}?",
            "On average, how [much|many] is it{of}?",
            "What does the average [{each}|one] have{of}?",
        ),
        requests=(
            "[Work out|Calculate|Compute|Determine] the [mean|average]{of}.",
            "Average{of}?",
        ),
        held_out=(
            "the arithmetic mean{of}",
            "What do they average{of}?",
            "Average [them|all values|everything]{of}.",
        ),
    ),
    "ratio": Form(
        nouns=(
            "the ratio of {a} to {b}{of}",
            "the ratio between {a} and {b}{of}",
            "{a} divided by {b}{of}",
            "how many times {b} fits into {a}{of}",
            "how many times as large as {b} {a} is{of}",
        ),
        questions=(
            "How many times as [high|large|big|much] as {b} is {a}{of}?",
            "How many times [larger|higher|bigger] is {a} than {b}{of}?",
            "By [what|which] factor is {a} [larger|higher|bigger|greater] than {b}{of}?",
            "{a} is how many times {b}{of}?",
            "How many times {b} is {a}{of}?",
            "What do you get for {a} divided by {b}{of}?",
            "What does {a} divided by {b} [give|make]{of}?",
        ),
        requests=("Divide {a} by {b}{of}.", "{a} divided by {b}{of}?", "Compute {a} over {b}{of}."),
        held_out=(
            "the quotient of {a} and {b}{of}",
            "How many times does {b} [fit|go] into {a}{of}?",
            "{a} is how many times as [high|large|big] as {b}{of}?",
        ),
    ),
    "count above": _count(ABOVE),
    "count below": _count(BELOW),
    "rank high": _rank(HIGH, "top", "best"),
    "rank low": _rank(LOW, "bottom", "from last"),
    "range": Form(
        nouns=(
            "the difference between the [highest|largest|biggest] and the [lowest|smallest] [value|{what}]{of}",
            "the [range|spread] of the values{of}",
            "the range{of}",
            "the gap between the [top|maximum|highest] and the [bottom|minimum|lowest] value{of}",
            "the [distance|difference] between maximum and minimum{of}",
        ),
        questions=(
            "How far apart are the [highest|largest|biggest] and [the lowest|the smallest|lowest] {what}{of}?",
            "How far apart are [maximum and minimum|top and bottom|the extremes]{of}?",
            "How [large|big|wide] is the [range|spread]{of}?",
            "By how much do the [highest|largest] and the [lowest|smallest] value differ{of}?",
            "How much more does the [highest|top] have than the [lowest|bottom] {each}{of}?",
        ),
        requests=("Subtract the [lowest|smallest] from the [highest|largest] value{of}.", "Maximum minus minimum{of}?"),
        held_out=(
            "the largest minus the smallest value{of}",
            "How much [higher|larger|bigger] is the [highest|largest] than the [lowest|smallest] value{of}?",
        ),
    ),
    "trend": Form(
        questions=(
            "Does [the value|it|the number] [increase or decrease|decrease or increase] from {a} to {b}{of}?",
            "Did {what} [increase or decrease|decrease or increase] from {a} to {b}{of}?",
            "Is there [an increase or a decrease|a decrease or an increase] [from {a} to {b}|between {a} and {b}]{of}?",
            "From {a} to {b}, [is it|do we see|is there] an increase or a decrease{of}?",
            "Between {a} and {b}, did {what} increase or decrease{of}?",
            "Is the change from {a} to {b} an increase or a decrease{of}?",
            "[How|In which direction] does it change from {a} to {b}{of}, increase or decrease?",
            "Going from {a} to {b}, [does it|do values] increase or decrease{of}?",
            "Was it an increase or a decrease from {a} to {b}{of}?",
            "Would you call it an increase or a decrease from {a} to {b}{of}?",
            "Do we see an increase or a decrease [from {a} to {b}|between {a} and {b}]{of}?",
        ),
        requests=(
            "Say whether [it|the value] increases or decreases from {a} to {b}{of}: increase or decrease?",
            "{a} to {b}{of}: increase or decrease?",
        ),
        held_out=(
            "Between {a} and {b}, does [it|the value] increase or decrease{of}?",
            "What happens from {a} to {b}{of}, an increase or a decrease?",
        ),
    ),
    "compare high": _compare("[higher|larger|bigger|greater]"),
    "compare low": _compare("[lower|smaller|less]"),
    "how often": Form(
        nouns=("how often {a} is [above|higher than|over] {b}", "the number of {each} values where {a} is above {b}"),
        questions=(
            "How often is {a} [higher|larger|bigger|greater] than {b}?",
            "How [often|many times] is {a} [above|over|ahead of] {b}?",
            "For how many {each} values is {a} [above|over|higher than|larger than] {b}?",
            "How many times does {a} have more than {b}?",
        ),
        requests=("Count [how often|where|the cases in which] {a} is [above|higher than|larger than] {b}.",),
        held_out=(
            "In how many cases is {a} [higher|larger|more] than {b}?",
            "How often does {a} [beat|exceed|top] {b}?",
        ),
    ),
    "after": Form(
        nouns=("the [step|box] [after|that follows|right after|behind] {name}",),
        questions=(
            "What [comes|is|happens] [after|right after|next after|directly after] {name}?",
            "[Which|What] [step|box] [follows|comes after|is next after] {name}?",
            "Where does the arrow from {name} [go|lead|point]?",
            "What does {name} lead to?",
            "What follows {name}?",
        ),
        requests=("Name the [step|box] after {name}.", "After {name}?"),
        held_out=(
            "the next [step|box] after {name}",
            "Where do you go from {name}?",
            "What is {name} followed by?",
        ),
    ),
    "before": Form(
        nouns=("the [step|box] [before|right before|that leads to|ahead of] {name}",),
        questions=(
            "What [comes|is|happens] [before|right before|directly before] {name}?",
            "[Which|What] [step|box] [comes before|comes right before|leads to|precedes] {name}?",
            "Where does the arrow to {name} [come from|start]?",
            "What leads to {name}?",
        ),
        requests=("Name the [step|box] before {name}.", "Before {name}?"),
        held_out=(
            "the previous [step|box] before {name}",
            "What precedes {name}?",
            "From where do you get to {name}?",
        ),
    ),
    "two after": Form(
        nouns=("the [step|box] two [places|steps] after {name}",),
        questions=(
            "What [comes|is] two [steps|boxes|places] after {name}?",
            "[Which|What] [step|box] is two after {name}?",
            "Where are you two steps after {name}?",
        ),
        requests=("Go two steps on from {name}: where are you?",),
        held_out=(
            "the second [step|box] after {name}",
            "What do you reach two steps after {name}?",
        ),
    ),
    "steps": Form(
        nouns=("the number of [steps|arrows] from {a} to {b}",),
        questions=(
            "How many [steps|arrows] [are there|are needed|lead|does it take] from {a} to {b}?",
            "How many steps from {a} to {b}?",
            "How many steps is {b} after {a}?",
            "How many arrows are between {a} and {b}?",
        ),
        requests=("Count the [steps|arrows] from {a} to {b}.",),
        held_out=(
            "how many steps lead from {a} to {b}",
            "In how many steps do you get from {a} to {b}?",
        ),
    ),
    "count boxes": Form(
        nouns=("the number of [steps|boxes]",),
        questions=(
            "How many [boxes|steps] [are there|does it have|do you see|are shown]?",
            "How many [steps|boxes] does the [diagram|process|flow|picture] have?",
        ),
        requests=("Count the [boxes|steps].",),
        held_out=("Of how many steps does it consist?",),
    ),
    "first": Form(
        nouns=(
            "the first [step|box]",
            "the [start|beginning]",
        ),
        questions=(
            "Where does [it|the process|the flow] [start|begin]?",
            "[Which|What] [box|step] [comes|is] first?",
            "What [comes|happens|is] first?",
        ),
        requests=("Name the first [step|box].",),
        held_out=(
            "the step at the start",
            "What does it [start|begin] with?",
        ),
    ),
    "last": Form(
        nouns=(
            "the [last|final] [step|box]",
            "the end",
        ),
        questions=(
            "Where does [it|the process|the flow] [end|finish|stop]?",
            "[Which|What] [box|step] [comes|is] last?",
            "What [comes|happens|is] last?",
        ),
        requests=("Name the [last|final] [step|box].",),
        held_out=(
            "the step at the end",
            "What does it end with?",
        ),
    ),
    "angle": Form(
        nouns=(
            "the [missing|third|unknown|remaining] angle",
            "the angle [with the question mark|marked with a question mark]",
        ),
        questions=(
            "How [large|big|wide] is the [third|missing|unknown|last] angle?",
            "How many degrees has the [third|missing|unknown] angle?",
            "[What|Which] angle is missing?",
        ),
        requests=("[Calculate|Work out|Compute|Determine] the [missing|third] angle.",),
        held_out=(
            "the size of the [missing|third] angle",
            "What must the third angle be?",
        ),
    ),
    "area": Form(
        nouns=("the area", "the area of the [{shape}|figure|shape]", "how large the area is"),
        questions=(
            "How [large|big] is the area[| of the {shape}| of the figure]?",
            "[What|Which] area does the [{shape}|figure] [have|cover]?",
        ),
        requests=("[Calculate|Work out|Compute|Determine] the area[| of the {shape}| of the figure].", "Area[| of the {shape}]?"),
        held_out=("the [surface|space] inside the {shape}",),
    ),
    "perimeter": Form(
        nouns=(
            "the perimeter",
            "the perimeter of the [{shape}|figure|shape]",
            "how long the perimeter is",
        ),
        questions=(
            "How [long|large] is the perimeter[| of the {shape}| of the figure]?",
            "How long is it all around?",
        ),
        requests=("[Calculate|Work out|Compute|Determine] the perimeter[| of the {shape}].", "Perimeter[| of the {shape}]?"),
        held_out=(
            "the length around the {shape}",
            "How far is it around the [{shape}|figure]?",
        ),
    ),
    "describe": Form(
        nouns=("[all|the] values in the [chart|picture]", "everything that the [chart|picture] shows", "what the [chart|picture] shows"),
        questions=(
            "What does the [chart|picture|image|figure|diagram] [show|say]?",
            "What [is|do you see] in the [chart|picture|image]?",
            "What is [this|that|shown here|in this]?",
            "What can be seen [here|in the picture]?",
        ),
        requests=(
            "[Describe|Read|Read out|Summarise] the [chart|picture|image|diagram].",
            "[Describe|Read] [it|this].",
            "List all [values|numbers].",
            "[Extract|Give me|Write down] [the data|all values|all numbers].",
        ),
        held_out=("Go through the [chart|picture].", "What do you read [here|in the picture]?", "the data behind the [chart|picture]"),
    ),
    "names": Form(
        nouns=("the names", "all [names|labels|entries]", "the [labels|names] in the [chart|picture]"),
        questions=("Which [names|labels|entries] are there?", "Which [names|labels] do you see?", "What are the [names|labels|entries]?"),
        requests=("List [the|all] [names|labels|entries].", "Name all [of them|labels|entries].", "Read the [names|labels]."),
        held_out=("Go through the [names|labels].", "Which [names|labels] appear?"),
    ),
    "title": Form(
        nouns=("the [title|headline|heading]", "the title of the [chart|picture|diagram]"),
        questions=(
            "What is [it|the chart|the picture] called?",
            "How is [the chart|it] titled?",
            "What does the [title|headline|heading] say?",
            "What is written [at the top|above the chart|as a title]?",
        ),
        requests=("Read the [title|headline|heading].",),
        held_out=("Under [which|what] title does it stand?", "how the chart is titled"),
    ),
}

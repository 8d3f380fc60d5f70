"""Questions that the picture cannot answer, and talk that asks nothing about it: each is answered with one honest sentence.

    question = aside(rng, figure)  # its steps and what is said, as those of any other question

Without them a small model takes the nearest name for the one it was asked for, and answers a greeting with a number.
About four exchanges in a hundred (:data:`SHARE`) are enough to teach it.
"""

from __future__ import annotations

import random

from finetune.charts import words
from finetune.charts.figures import Figure, number
from finetune.charts.readings import Question
from finetune.charts.wordings import Wordings, asked

SHARE = 0.04
"""Share of exchanges about a picture that are of this kind."""
UNSAID = "The picture does not say."
READER = "I read charts, tables and diagrams: ask about a value, a sum or a comparison in the picture."
WELCOME = "You are welcome."

_UNSAID = (
    "Who [drew|made|published|designed] [this|the chart|this picture]?",
    "Who is the author?",
    "Where [does the data come|are the numbers] from?",
    "What is the source of the [data|numbers|values]?",
    "When was [this|the chart|the picture] [made|drawn|published]?",
    "Why is {name} so [high|low|large|small]?",
    "Why does {name} [stand there|have this value]?",
    "What will {name} be [next year|in ten years|tomorrow]?",
    "Which program [drew|made] [this|the chart]?",
    "How was [this|it|the data] measured?",
    "Is {name} [good|bad|expensive|nice]?",
    "Who [lives|works] [here|there]?",
    "What is the weather [like|today]?",
    "How much does [the chart|it] cost?",
    "What does {name} mean?",
    "Who paid for [this|the chart|it]?",
    "Who [collected|counted|checked] [this|the data|the numbers]?",
    "Why did {name} [change|turn out like that|do so well|do so badly]?",
    "What is the reason for {name}?",
    "[Is this|Is the data|Are the numbers] [true|correct|up to date]?",
    "Can I trust [this|the numbers|the chart]?",
    "Should I [buy|choose|worry about] {name}?",
    "Will {name} [rise|fall|get better|get worse] [soon|next year|in the future]?",
    "What was {name} [a hundred years ago|last century|in the past]?",
    "How many people were asked?",
    "What is the margin of error?",
    "In which [newspaper|report] was [this|the chart] printed?",
    "Who owns {name}?",
    "What do [people|experts] think of {name}?",
    "[What|Which] software was used?",
    "Which day was [this|the chart] [made|drawn]?",
)
_UNSAID_HELD_OUT = (
    "Who wrote [this|the numbers down]?",
    "From which [book|page] is [this|the chart]?",
    "What [caused|explains] {name}?",
    "How reliable [is this|are the numbers]?",
)
_TALK = (
    "[Hello|Hi|Hey|Good morning|Good evening|Hello there|Hi there|Hey there]",
    "[Hello|Hi|Hey], [how are you|who are you|what can you do|can you help me|are you there]?",
    "[How are you|Who are you|What are you|What is your name|Are you a robot|Are you there|How old are you]?",
    "What can you [do|do for me|tell me|help with]?",
    "What do you [do|know|want]?",
    "How [does this work|do I use this|do you work]?",
    "[Help|Help me|Can you help me|I need help|test|testing|ok|okay|yes|no|hm|hmm|well|what|why|lol|wow|cool|nice|please|go on|and]",
    "[asdf|qwerty|jkl|aaa|xyz|abc|asdfgh|lorem ipsum|blah blah|dfgdfg|qwe|???|...|!|123]",
    "[Tell me a joke|Write a poem|Sing a song|Say something|Tell me a story|Write me a letter]",
    "[What is the capital of France|Who is the president|Do you like music|What time is it|Where do you live]?",
    "[Translate this into French|Write some code|Book a flight|Play a game with me|Draw a picture]",
    "I [am bored|have no question|do not know what to ask|like you]",
    "[Hiya|Yo|Hallo|Good night|Nice to meet you|Good to see you|Hi, it is me|Hello again|Morning]",
    "[What is up|How is it going|How do you feel|What is new|Are you awake|Are you human|Are you real]?",
    "[Which languages do you know|Where do you come from|What is your job|What are you good at|Are you any use]?",
    "[sure|fine|right|maybe|never mind|forget it|one moment|wait|stop|again|more|next|um|oh|aha|haha|so what]",
    "[Book a table|Buy me a ticket|Send an e-mail|Set an alarm|Play some music|Write an essay|Tell me the news|Sing something]",
    "[What is the meaning of life|What is two times two|How tall is the Eiffel Tower|Who won the match|What should I eat]?",
)
_TALK_HELD_OUT = (
    "[Good afternoon|Greetings|Howdy|Good day]",
    "[What is this tool for|Do you speak German|Who built you]?",
    "[zxcv|fghj|hjkl|uiop]",
    "[Recommend a film|Order a pizza|Call my mother]",
)
_THANKS = (
    "[Thanks|Thank you|Thanks a lot|Thank you very much|Many thanks|thx|Great, thanks|Perfect, thank you|OK, thanks|Thanks, bye]",
    "Thank[s| you] for [your help|the help|that|the answer]",
    "[That helped, thanks|Very helpful, thank you|I appreciate it|Brilliant, thanks|Good, thank you|Thanks again|Nice one, thanks]",
)
_THANKS_HELD_OUT = ("[Cheers, that helps|Much obliged|Thanks so much]",)


def unanswerable(rng: random.Random, figure: Figure, wordings: Wordings = "trained") -> Question:
    """A question about ``figure`` whose answer is not in the picture: of a name that is not there, or of what no chart says."""
    if rng.random() < (0.7 if figure.categories else 0.0):
        return _missing(rng, figure, wordings)
    constructions = _UNSAID_HELD_OUT if wordings == "held out" else _UNSAID
    fitting = constructions if figure.categories else [text for text in constructions if "{name}" not in text]
    text = _one(rng, fitting).format(name=rng.choice(figure.categories) if figure.categories else "")
    return _question("unsaid", text, "Look for that: the picture does not say.", UNSAID)


def small_talk(rng: random.Random, wordings: Wordings = "trained") -> Question:
    """A greeting, thanks, a stray word or a request for something else."""
    held_out = wordings == "held out"
    if rng.random() < 0.15:
        text = _one(rng, _THANKS_HELD_OUT if held_out else _THANKS)
        return _question("talk", _sloppy(rng, text, ".!"), "That asks nothing about the picture.", WELCOME)
    text = _one(rng, _TALK_HELD_OUT if held_out else _TALK)
    return _question("talk", _sloppy(rng, text, ".!"), "That asks nothing about the picture.", READER)


def aside(rng: random.Random, figure: Figure, wordings: Wordings = "trained") -> Question:
    """One of either kind."""
    return unanswerable(rng, figure, wordings) if rng.random() < 0.65 else small_talk(rng, wordings)


def _missing(rng: random.Random, figure: Figure, wordings: Wordings) -> Question:
    """A question of a name that does not stand in the picture."""
    name = _absent(rng, figure)
    there = rng.choice(figure.categories)
    slots = {"name": name, "a": name, "b": there, "of": "", "what": (figure.quantity or "value").lower(), "each": "category"}
    if rng.random() < 0.4:
        slots["a"], slots["b"] = there, name
    form = rng.choice(("value", "value", "value", "difference", "sum", "ratio"))
    if figure.kind == "flow":
        form = rng.choice(("after", "before", "steps"))
    elif len(figure.series) > 1 and rng.random() < 0.4:
        slots |= {"name": there, "of": f" of {name}"}
        form = "value"
    text = asked(rng, form, "trained" if wordings == "plain" else wordings, **slots)
    return _question("missing", text, f"Look for {name}: it is not in the picture.", f"The picture does not show {name}.")


def _absent(rng: random.Random, figure: Figure) -> str:
    """A name of the sort that ``figure`` has, or a year, that is no part of what it shows, nor the other way round."""
    shown = [text.casefold() for text in (figure.title, figure.topic, figure.quantity, *figure.categories, *figure.series) if text]
    shown += [number(value) for values in figure.series.values() for value in values]
    while True:
        year = str(rng.choice((rng.randint(1800, 1949), rng.randint(2031, 2099))))
        topic = figure.topic if figure.topic in words.TOPICS and rng.random() < 0.6 else ""
        name = year if rng.random() < 0.15 else rng.choice(words.labels(rng, 3, held_out=False, topic=topic)[0])
        if not any(name.casefold() in text or text in name.casefold() for text in shown):
            return name


def _one(rng: random.Random, constructions: tuple[str, ...] | list[str]) -> str:
    """A construction with one of its alternatives chosen in each place."""
    parts = rng.choice(constructions).replace("]", "[").split("[")
    return "".join(rng.choice(part.split("|")) if i % 2 else part for i, part in enumerate(parts))


def _sloppy(rng: random.Random, text: str, ends: str) -> str:
    """``text`` in lower case, with an end mark or without, as it may be typed."""
    text = text if rng.random() < 0.6 else text.lower()
    return text + rng.choice(ends) if text[-1].isalpha() and rng.random() < 0.4 else text


def _question(task: str, text: str, step: str, answer: str) -> Question:
    return Question(task=task, text=text, steps=(step,), answer=answer, operations=0, exact=True, announced=False)

"""Everything between a picture and a checked answer.

from vision import ask, open_engine

reply = ask("chart.png", "What is the total?", open_engine())
for step in reply.steps:
    print(step.number, step.text, [claim.verdict for claim in step.claims])
print(reply.answer)
"""

from vision.answers.answers import equivalent, extract, normalize
from vision.answers.consensus import Vote, tally
from vision.answers.tables import Table
from vision.answers.trust import Trust
from vision.ask import ask, ask_live, table, vote, vote_live
from vision.engines.engine import Control, Engine, Sampling, Usage
from vision.engines.opening import open_engine
from vision.errors import GenerationError, ImageError, LogicFlowError, ModelError, PromptError, SettingsError
from vision.pictures.images import Limits, open_image
from vision.pictures.writing import Text, Writing, read_writing
from vision.prompts import Prompt, Turn
from vision.replies import Ballot, Reply
from vision.settings import Settings, load_settings
from vision.thoughts.claims import find_claims
from vision.thoughts.marks import Claim
from vision.thoughts.reasoning import ReasoningParser, split
from vision.thoughts.sources import Source
from vision.thoughts.steps import Step, steps_of

Conversation = Prompt
"""The name that :class:`Prompt` had before; scripts may go on using it."""

__all__ = [
    "Ballot",
    "Claim",
    "Control",
    "Conversation",
    "Engine",
    "GenerationError",
    "ImageError",
    "Limits",
    "LogicFlowError",
    "ModelError",
    "Prompt",
    "PromptError",
    "ReasoningParser",
    "Reply",
    "Sampling",
    "Settings",
    "SettingsError",
    "Source",
    "Step",
    "Table",
    "Text",
    "Trust",
    "Turn",
    "Usage",
    "Vote",
    "Writing",
    "ask",
    "ask_live",
    "equivalent",
    "extract",
    "find_claims",
    "load_settings",
    "normalize",
    "open_engine",
    "open_image",
    "read_writing",
    "split",
    "steps_of",
    "table",
    "tally",
    "vote",
    "vote_live",
]

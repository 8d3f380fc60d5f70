"""Everything between a picture and a checked answer.

from vision import ask, open_engine

reply = ask("chart.png", "What is the total?", open_engine())
for step in reply.steps:
    print(step.number, step.text, [claim.verdict for claim in step.claims])
print(reply.answer)
"""

from vision.answers import equivalent, extract, normalize
from vision.ask import Ballot, Reply, ask, ask_live, open_engine, vote, vote_live
from vision.claims import Claim, find_claims
from vision.consensus import Vote, tally
from vision.engine import Control, Engine, Sampling, Usage
from vision.errors import GenerationError, ImageError, LogicFlowError, ModelError, PromptError, SettingsError
from vision.images import Limits, open_image
from vision.prompts import Conversation, Turn
from vision.reasoning import ReasoningParser, split
from vision.settings import Settings, load_settings
from vision.steps import Step, steps_of

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
    "PromptError",
    "ReasoningParser",
    "Reply",
    "Sampling",
    "Settings",
    "SettingsError",
    "Step",
    "Turn",
    "Usage",
    "Vote",
    "ask",
    "ask_live",
    "equivalent",
    "extract",
    "find_claims",
    "load_settings",
    "normalize",
    "open_engine",
    "open_image",
    "split",
    "steps_of",
    "tally",
    "vote",
    "vote_live",
]

"""Machine text: what a model says around a problem, or in the middle of one, that no book of problems would.

What people in a story say in quotation marks is theirs. A solution that corrects itself counts: the steps before are wrong steps. No
list of phrases is whole; this one leaves the human solutions of GSM8K alone, and what it finds of a stranger's is in the log.

>>> giveaway("Let me know if you need more!"), giveaway('"Let me know if you need more," says the baker.')
('it speaks to who asked: Let me know', '')
"""

from __future__ import annotations

import re

_TASK = r"(?:problem|question|exercise|puzzle)"
_BEGINS = r"(?:^|[.!?…]\s+|\n)\s*"
_NOT = r"(?: not|n['’]t)"
_LET = r"\blet(?:['’]s| us| me) (?:just |quickly )?"

_SAID: dict[str, tuple[str, ...]] = {
    "it speaks as a machine": (
        r"\bas an? (?:AI|artificial intelligence|(?:large )?language model|assistant)\b",
        r"\bI(?:'m| am) (?:just |only )?an? (?:AI|language model|assistant)\b",
        r"\bmy (?:training data|knowledge cutoff|instructions)\b",
        r"\b(?:generated|written) by (?:an )?(?:AI|GPT|a language model)\b",
        r"\bthe user (?:wants|asks|asked|requested|is asking|would like|said|needs)\b",
    ),
    "it refuses or excuses itself": (
        r"\bI(?:'m| am) (?:so )?sorry\b|\bI apologi[sz]e\b|\bmy apologies\b|\bapologies for\b",
        r"\bI (?:can(?:no|['’])t|am unable to|am not able to|can not|won['’]t) "
        r"(?:help|assist|provide|answer|solve|generate|create|fulfill?|complete|do)\b",
    ),
    "it speaks to who asked": (
        r"^\s*(?:sure|certainly|of course|absolutely|great|gladly|no problem|understood|got it)\s*(?:[!.:]|,? (?:here|let|I|thing)\b)",
        r"^\s*(?:okay|ok|alright|all right)\b\s*[,!.:]",
        r"\b(?:good|great|nice|excellent|interesting) (?:question|idea|choice|catch|point|problem)\s*[!.]",
        rf"\bhere(?:['’]s| is| are|['’]re) (?:[\w-]+ ){{0,5}}(?:{_TASK}s?|solutions?|examples?|one for you)\b",
        rf"\b(?:below|following) (?:is|are) (?:[\w-]+ ){{0,4}}{_TASK}s?\b",
        r"\blet me know\b|\bfeel free to\b|\bjust ask\b|\bhappy to\b|\b(?:further|more) (?:assistance|help)\b|\banything else\b[^.]*\?",
        r"\bhope (?:this|that|these|it) (?:helps?|problems?|is|are|works?)\b",
        r"\bwould you like (?:me|another|more|to see)\b|\bas (?:you )?(?:requested|instructed|asked)\b(?=[.!]|$| by you)",
        r"\bas you (?:requested|asked)\b",
        r"\b(?:per|following|according to) your (?:request|instructions?)\b",
        r"\byou (?:provided|gave me|asked (?:me )?for|requested|shared)\b|\b(?:for|with) your (?:students|learners|class|pupils)\b",
        r"\bhappy (?:problem[- ]solving|solving|learning|calculating|studying)\b|\bthat concludes\b|\bharder or easier\b",
    ),
    "a placeholder": (
        r"\[(?:name|number|city|object|place|insert[^\]]*|your [^\]]*|X|Y|[^\]]*placeholder[^\]]*)\]|\bgoes here\b",
        r"\{\{?[a-z_]+\d*\}?\}|<(?:name|number|answer|question|sum|value|city|object|item|result|total)\d*>",
        r"\bINSERT_?[A-Z_]+\b|\bTODO\b|\bX{2,}\b|\blorem ipsum\b|\bto be generated\b",
    ),
    "a part is left out": (
        r"[\[(](?:the )?(?:rest|remainder|end|solution|continued|truncated|omitted|part \d)\b[^\])]*[\])]",
        r"\bomitted for brevity\b|\b(?:solution|problem|text|output) (?:was )?truncated\b",
    ),
    "it corrects itself": (
        rf"{_BEGINS}(?:but )?wait\s*(?:[,.!—–-]|no\b)|{_BEGINS}(?:hmm+|hold on(?! to)|correction|ah, but|oh,? (?:I see|no|wait|right))\b",
        rf"{_BEGINS}(?:oops[,.:]? (?:I|that|it|\$?\d|the (?:sum|total|answer|result|product))|no,? (?:wait|that['’]?s))\b",
        r"\bbut wait\b|\b(?:scratch|strike) that\b|\b(?:up)?on (?:second thought|(?:further )?reflection)\b|[(]\s*edit\b|\bedit:",
        rf"{_BEGINS}actually,? (?:let|that['’]?s|this is|no|we|I)\b|\blet['’]?s see\s*(?:\.\.\.|…)",
        rf"{_LET}re-?(?:check|read|consider|calculate|compute|do|think|examine|try|phrase|write|work|state)\b",
        rf"{_LET}(?:double-?check|verify (?:this|that|whether)|try again|start over|fix|correct (?:this|that|the|my))\b",
        rf"{_LET}(?:change|adjust|modify|design|choose) (?:it|the|this)\b",
        r"\bI (?:think I |just |have |had )?(?:made an? (?:mistake|error)|mis(?:read|understood|calculated|typed)|reali[sz]ed?)\b",
        r"(?:\.\.\.|…|,|\?|=\s*\S+[.,]?)\s*(?:sorry|oops|no),? (?:it['’]s |that['’]s |so )?\$?\d|\d\?\s*No,\s",
        r"\b(?:earlier|previous|above) (?:mistake|error|calculation was)\b|\bfixed the\b|\bwhich was wrong\b|\bregenerat(?:e|ing)\b",
        r"\b(?:need|have|want) to (?:modify|change|adjust|fix|rewrite|rephrase) the (?:question|problem|numbers?)\b",
        r"\b(?:I|we|it) should(?:['’]ve| have) (?:picked|used|been|said|written|added|subtracted|multiplied|divided|read)\b",
        r"\bI think\b|\bI(?:['’]m| am) not (?:completely |entirely |quite )?(?:sure|certain)\b",
    ),
    "it thinks aloud": (
        r"\blet me (?:see|verify|add|think|write|now|double)\b|\bI(?:['’]ll| will) go with\b|\byes, that works\b|\bokay?, it['’]s right\b",
        r"\b(?:that|this)(?:['’]s| is) (?:a )?(?:clean|nice|neat|suspicious|plausible|realistic)\b|\bnot a nice number\b|\bsuspicious\b",
        r"\b(?:perfect|nice|great|good)[!,] (?:it|now|that|this|so|let)\b|\bmaybe (?:make|use|change|add)\b|\bcome out evenly\b",
        r"\bI made sure\b",
        r"\bensure (?:that )?the answer\b|\bthe (?:output|final answer) (?:should|needs to|must)\b",
        r"\bI (?:output|should express|need to compute)\b",
        r"\banswer key\b|\bconsistent with the (?:given )?answer\b|\bshould I (?:add|use|make|include)\b|\(missing:|\blet['’]s say \d",
        r"\bas requested\b[,.:]|\byou(?:['’]re| are) right to\b|\bfun one\b|\bready for the next\b|\btrickier version\b|\btrick problem\b",
        rf"\bwrite a (?:word )?{_TASK}\b|\bgenerated {_TASK}\b|\bthis {_TASK} involves\b",
        r"\bare fictional\b|(?:^|\n)\s*Q\s*:|(?:^|\n)assistant\s*\n",
        rf"\bsimilar to the one\b|\b{_TASK} should be changed\b|\bworth noting that this {_TASK}\b",
    ),
    "it doubts the problem": (
        rf"\b(?:this|that|which) (?:does{_NOT}|cannot|can['’]t) (?:make sense|be right|be correct|work out|match|add up)\b",
        r"\bmakes no sense\b",
        rf"\b(?:the|this) {_TASK} (?:is|seems|appears|must be) (?:to (?:be|have) )?(?:an? )?(?:\w+ )?"
        r"(?:flawed|wrong|inconsistent|ill-posed|impossible|incorrect|unclear|missing|ambiguous|error|mistake|incomplete)\b",
        rf"\b(?:the|this) {_TASK} (?:never|does{_NOT}|did{_NOT}|as stated|contains an error)\b",
        rf"\bthere (?:is|(?:seems to|must|may) be) (?:an?|some) (?:mistake|error|inconsistency|typo|rounding)\b[^.]*\b(?:{_TASK}|some)",
        r"(?:\bnot|n['’]t) enough information\b|\binconsistent data\b|\bambiguous as\b|\bwas meant to be\b",
        r"\bI(?:['’]ll| will) (?:interpret|assume)\b",
        r"\b(?:expected|intended|target) answer\b|\bthe answer in the\b|\bthe numbers given would\b|\b(?:so|and) the problem works\b",
        rf"\b(?:this|which|that) is{_NOT} possible\b|\bthat['’]?s an integer\b",
        r"\byou can['’]t have a (?:fraction|half)\b|\bleave it as (?:it )?is\b|\bwe['’]ll go with\b",
        r"\bseems (?:acceptable|fine|reasonable)\b",
    ),
    "it speaks of the problem as a task": (
        rf"\b(?:this|the) {_TASK} (?:tests|requires|practi[cs]es|assumes|teaches|covers|demonstrates|illustrates|reinforces)\b",
        r"\bthis tests\b",
        rf"\b(?:this|the) {_TASK} is (?:a )?(?:nice|good|great|designed|suitable|meant|intended|multi-step|different|unique)\b",
        r"\bmeets the (?:[\w-]+ )?requirements?\b|\bfits the (?:format|requirements?)\b|\b(?:well|ill)-posed\b|\bgrade-school\b",
        r"\bsame format\b",
        r"\bthis requires (?:addition|subtraction|multiplication|division|two|three|several|multiple)\b|\bconstraints?\b",
        r"\bwork(?:ing)? backwards? from\b",
        r"(?:^|[\[(]|\n)\s*(?:difficulty|topic|title|hint|confidence|steps|level|grade|category|tags?|skills?|theme|idea)(?: level)?\s*:",
        r"\bnote(?: to self)?\s*:\s|\bhint\s*:|\bidea:",
        rf"\b(?:revised|new|next|another|previous|original|sample|example|seed|reworded|improved|updated) {_TASK}\s*(?:\d+)?\s*[:.]",
        rf"^\s*{_TASK}\s*#?\d*\s*[:.)(]|[.!?]\s+{_TASK}\s*#?\d+\s*[:(]|^\s*example\s*#?\d+\s*[:.)]",
        rf"\b(?:the|these|those) (?:example|sample|seed)s?(?: {_TASK}s?)? (?:above|given|provided|you)\b",
        r"\b(?:style|format) of the examples?\b",
        rf"\bseed {_TASK}s?\b|\bgiven examples?\b|\binspired by the\b|\bsimilar to (?:the )?examples?\b|\btoo similar\b",
        rf"\b(?:as in|same as in|like in|than|from) the (?:previous|earlier|last|first) {_TASK}s?\b",
        r"\b(?:from|than) the previous ones?,? (?:let|here|this|because)\b",
        r"\bwe (?:need|have) to (?:generate|create|come up with)\b|\bI need a (?:problem|story|scenario)\b",
        r"\bI (?:used|chose|picked) (?:\w+ ){0,3}numbers\b",
        r"\bwe want a (?:\w+ )?(?:result|answer|number)\b|\bnice(?:r)? numbers\b|\bfor variety\b",
        rf"\bvariety of (?:topics|problems|the batch)\b|\bset of \d+ {_TASK}s\b",
        r"(?:^|[,\n])\s*next one\b\s*[.:]|\bbatch \d+ (?:of|complete)|\b(?:the|your|system|given) prompt\b|\bJSON\b",
        r"\bthe instructions (?:require|ask|say)\b(?! that)",
        rf"\bthese {_TASK}s\b|\bthe (?:{_TASK}|numbers) at (?:a )?(?:grade|simple)|\bsimple numbers\b",
        rf"\bkeep (?:the|this) {_TASK}\b|\bso that they work\b",
    ),
}
_MARKS: dict[str, tuple[str, ...]] = {
    "marks of a chat": (
        r"<\|[a-z_]+\|>|</?s>|</?think>|\[/?INST\]|<(?:end|start)_of_turn>|\bassistant(?:final|analysis|commentary)\b|【[^】]*】",
        r"(?:^|\n)\s*#{1,6}\s|#{2,}\s*\w+\s*:|(?:^|\n)\s*(?:User|Assistant|Human|AI|System)\s*:",
        r"\*\*(?:Problem|Question|Solution|Answer|Step|Note)\b|```|\{\s*\"question\"",
        r"\"\s*[,:]\s*\"(?:question|solution|answer|steps)\"|^\s*\"\s*,",
    ),
    "pictures instead of letters": ("[\U0001f300-\U0001faff\u2600-\u27bf]",),
    "letters of another script": (r"[\u0400-\u04ff\u0600-\u06ff\u0900-\u097f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}",),
}
_IN_A_QUESTION = re.compile(r"(?:^|[.?!]\s+|\n)\s*(?:solution|answer|explanation|reasoning)\s*:", re.IGNORECASE)
_QUOTED = re.compile(r"“[^”]{0,300}”|(?<![\w,:\"])\"[^\"\n]{2,300}\"|(?<!\w)‘[^’]{2,300}’(?!\w)")


def _together(families: dict[str, tuple[str, ...]]) -> dict[str, re.Pattern[str]]:
    return {reason: re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE) for reason, patterns in families.items()}


_SPOKEN, _MARKED = _together(_SAID), _together(_MARKS)


def giveaway(text: str, *, question: bool = False) -> str:
    """What in ``text`` gives a machine away, "" for nothing; in a ``question`` a solution does too."""
    unquoted = _QUOTED.sub(" ", text)
    for families, where in ((_MARKED, text), (_SPOKEN, unquoted)):
        for reason, pattern in families.items():
            if found := pattern.search(where):
                return f"{reason}: {found[0].strip()[:60]}"
    if question and (found := _IN_A_QUESTION.search(unquoted)):
        return f"a solution in the question: {found[0].strip()[:60]}"
    return ""

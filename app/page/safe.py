"""What people and models wrote, made safe to show: HTML for steps, Markdown for the chat. All escaping happens here.

>>> inline_html("**Add** `<b>` <i>")
'<strong>Add</strong> <code>&lt;b&gt;</code> &lt;i&gt;'
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt

_DECEIVING = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ue000-\uf8ff]")
"""Characters that cannot be seen or turn the order of others; ours, too, that hold places below."""
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
MAX_MATH_CHARS = 2_000
"""Longer formulas are shown as they were written."""
MAX_TEXT_CHARS = 20_000
"""No formulas are looked for in longer texts: the time for it grows with the square of the length."""
_MATHML = frozenset(
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd menclose mstyle "
    "mpadded mphantom mmultiscripts mprescripts none".split()
)
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["link", "image", "autolink", "html_inline", "entity"])


def visible(text: str) -> str:
    """``text`` without characters that hide or turn others."""
    return _DECEIVING.sub("", text)


def inline_html(text: str, pieces: Sequence[tuple[int, int, str]] = ()) -> str:
    """``text`` with its Markdown emphasis and code as HTML, everything else escaped.

    Args:
        text: as it was written.
        pieces: (start, end, HTML) of parts that are shown as that HTML instead, in order, none over another.
    """
    kept, at = [], 0
    for number, (start, end, _) in enumerate(pieces):
        kept += [visible(text[at:start]), f"\ue000{number}\ue001"]
        at = end
    made = _MARKDOWN.renderInline("".join(kept) + visible(text[at:]))
    return re.sub("\ue000(\\d+)\ue001", lambda match: pieces[int(match[1])][2], made).replace("<br />\n", "<br>").replace("\n", "<br>")


def formulas(text: str) -> list[tuple[int, int, str]]:
    """(start, end, MathML) of what stands between ``$$``, ``\\(`` or ``\\[`` marks; what is no formula is left out.

    >>> formulas(r"half is \\(\\frac{1}{2}\\)")
    [(8, 23, '<math><mrow><mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac></mrow></math>')]
    """
    made: list[tuple[int, int, str]] = []
    if len(text) > MAX_TEXT_CHARS:
        return made
    for match in _MATH.finditer(text):
        source = next(group for group in match.groups() if group is not None)
        if len(source) > MAX_MATH_CHARS:
            continue
        try:
            made.append((*match.span(), _mathml(convert_to_element(visible(source)))))
        except Exception:  # the converter fails in many ways on what is no LaTeX; it is then shown as it was written
            continue
    return made


def _mathml(element: Element) -> str:
    """Tags that draw formulas, without attributes, around escaped text: a link or a style cannot come through."""
    inside = html.escape(html.unescape(element.text or "")) + "".join(_mathml(child) for child in element)
    made = f"<{element.tag}>{inside}</{element.tag}>" if element.tag in _MATHML else inside
    return made + html.escape(html.unescape(element.tail or ""))


def harmless(text: str) -> str:
    """A model's Markdown without tags and pictures: a picture's address could carry words to another machine."""
    return visible(text).replace("<", "&lt;").replace("![", "!\\[")


def plain(text: str) -> str:
    """``text`` with the signs escaped that Markdown and HTML would take for their own."""
    return re.sub(r"([\\`*_\[\]<>#|~$&])", r"\\\1", visible(text))

"""An SVG file as a tree in which nothing reaches outside, runs, or unfolds: what is not known to be harmless is left out.

The tree is built anew, so that the renderer never reads the bytes of the file itself.
"""

from __future__ import annotations

import base64
import io
import re
from xml.etree.ElementTree import Element, SubElement, tostring
from xml.parsers import expat

from vision.errors import ImageError
from vision.pictures.images import Limits, open_image

MAX_SVG_BYTES = 8 * 1024 * 1024
MAX_ELEMENTS = 100_000
MAX_DEPTH = 100
MAX_IMAGES = 20
"""Pictures inside of the picture."""
KNOWN = frozenset(
    "svg g defs symbol use path rect circle ellipse line polyline polygon text tspan textPath style linearGradient radialGradient stop "
    "pattern clipPath mask marker image a switch".split()
)
"""Elements that are kept. Not among them: scripts, animations, foreign objects, and filters, which can take for ever."""
COMMENT = "comment"
"""The tag that a comment goes under; it is no element of SVG's, and has to be taken out before the tree is drawn."""
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_OUTSIDE = re.compile(r"url\(\s*['\"]?\s*(?!['\"#\s])[^)]*\)|@import[^;]*;?|!\s*important", re.IGNORECASE)
"""What a style may not say: addresses; and that it counts more than the marks by which texts are found."""


def parse(data: bytes, name: str, limits: Limits) -> Element:
    """The drawing in ``data``: :data:`KNOWN` elements without namespaces, and the comments.

    Raises:
        ImageError: when it is no SVG, declares entities, is too large or too deep.
    """
    if len(data) > MAX_SVG_BYTES:
        raise ImageError(f"{name} has {len(data) / 1e6:.1f} MB; an SVG may have {MAX_SVG_BYTES / 1e6:.1f} MB: save it as PNG")
    builder = _Builder(name)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler, parser.CommentHandler = builder.text, builder.comment
    parser.EntityDeclHandler = builder.entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as exc:
        raise ImageError(f"{name} is damaged or no SVG ({str(exc)[:60]}); save it again") from exc
    if builder.root is None:
        raise ImageError(f"{name} is no SVG; save it again")
    _embed(builder.root, name, limits)
    return builder.root


def written(tree: Element) -> str:
    """``tree`` as a document."""
    return tostring(tree, encoding="unicode")


class _Builder:
    """Puts the tree together from what the parser tells; what lies in an unknown element is skipped with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Element | None = None
        self.open: list[Element] = []
        self.skipped = 0  # depth within an element that is left out
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS or len(self.open) >= MAX_DEPTH or self.skipped >= MAX_DEPTH:
            raise ImageError(f"{self.name} has more than {MAX_ELEMENTS} parts, or {MAX_DEPTH} within each other; save it as PNG")
        space, _, local = tag.rpartition(" ")
        if self.skipped or space not in ("", _SVG) or local not in KNOWN or (self.root is None and local != "svg"):
            self.skipped += 1
            return
        element = Element(local, {key: value for key, value in map(_attribute, attributes.items()) if key})
        if self.open:
            self.open[-1].append(element)
        elif self.root is None:
            self.root = element
            element.set("xmlns", _SVG)
        self.open.append(element)

    def end(self, _: str) -> None:
        if self.skipped:
            self.skipped -= 1
        else:
            closed = self.open.pop()
            if closed.tag == "style":
                closed.text = _OUTSIDE.sub("", closed.text or "")

    def text(self, text: str) -> None:
        if self.skipped or not self.open:
            return
        parent = self.open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text

    def comment(self, text: str) -> None:
        if self.open and not self.skipped and self.open[-1].tag != "style":
            SubElement(self.open[-1], COMMENT).text = text

    def entity(self, *_: object) -> None:
        raise ImageError(f"{self.name} declares entities of its own, which are not read; save it as plain SVG or as PNG")


def _attribute(pair: tuple[str, str]) -> tuple[str, str]:
    """The attribute as it is kept, under "" where it is not."""
    key, value = pair
    space, _, local = key.rpartition(" ")
    if local == "href" and space in ("", _XLINK):
        return ("href", value.strip()) if value.strip().startswith(("#", "data:image/")) else ("", "")
    if space == "http://www.w3.org/XML/1998/namespace":
        return (f"xml:{local}", value) if local in ("space", "lang") else ("", "")
    if space or local.lower().startswith("on") or local in ("filter", "xmlns"):
        return "", ""
    return local, _OUTSIDE.sub("", value)


def _embed(root: Element, name: str, limits: Limits) -> None:
    """Every picture inside is opened as any picture is and put back as PNG; what cannot be is left out, other files too."""
    images = list(root.iter("image"))
    if len(images) > MAX_IMAGES:
        raise ImageError(f"{name} holds {len(images)} pictures; at most {MAX_IMAGES} are drawn: save it as PNG")
    for image in images:
        head, _, body = image.attrib.pop("href", "").partition(",")
        if not head.startswith("data:image/"):
            continue
        try:
            opened = open_image(f"{head},{''.join(body.split())}", limits)
        except ImageError:
            continue
        stream = io.BytesIO()
        opened.save(stream, "PNG")
        image.set("href", "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode())

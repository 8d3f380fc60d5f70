"""Pictures from anywhere, opened with suspicion: verified, oriented, flattened on white, bounded.

    picture = open_image("chart.png")        # a path, bytes, a data URI, a PIL image; a URL where allowed

Limits in bytes and pixels are checked before anything is decoded.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from vision.errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
"""What Pillow is allowed to open; HEIC is opened beside it."""
READABLE = "JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF, SVG or PDF"
"""What a person may bring; SVG and PDF are opened by :mod:`vision.pictures.documents`."""
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
"""What a HEIC file calls itself behind ``ftyp``: ISO/IEC 23008-12, annex B and section 10."""
MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MIN_SIDE = 28
"""Shortest side that can hold anything to read, pixels."""
URL_TIMEOUT_S = 15.0

Source = str | os.PathLike[str] | bytes | Image.Image


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a picture may cost.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height.
        allow_urls: whether http and https addresses are fetched.
    """

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    allow_urls: bool = False


def open_image(source: Source, limits: Limits | None = None) -> Image.Image:
    """The picture at ``source`` as an upright RGB image without metadata.

    Args:
        source: path, ``file:`` free; bytes; ``data:`` URI; http(s) URL where ``limits`` allow; or a PIL image.
        limits: sizes that are accepted.

    Raises:
        ImageError: with the name, what is wrong, and what to do.
    """
    limits = limits or Limits()
    if isinstance(source, Image.Image):
        _check_size(source.size, "the picture", limits)
        return _upright_rgb(source, "the picture")
    return decode(*read_bytes(source, limits), limits)


def read_bytes(source: str | os.PathLike[str] | bytes, limits: Limits | None = None) -> tuple[bytes, str]:
    """The bytes at ``source``, and what to call it in a message.

    Raises:
        ImageError: when it cannot be read, or may not.
    """
    limits = limits or Limits()
    if isinstance(source, bytes):
        return source, "the picture"
    text = os.fspath(source)
    if text[:5].lower() == "data:":
        return _from_data_uri(text, limits), "the data URI"
    if text[:7].lower() == "http://" or text[:8].lower() == "https://":
        if not limits.allow_urls:
            raise ImageError(f"fetching pictures from addresses is off: {_short(text)}; save the picture and pass its path")
        return _download(text, limits), _short(text)
    path = Path(text)
    name = _short(path.name or text)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ImageError(f"{name} is not a file; pass a picture file")
        _check_bytes(size, name, limits)
        return path.read_bytes(), name
    except FileNotFoundError:
        raise ImageError(f"there is no file {_short(text)}; check the path") from None
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "the path is not valid"
        raise ImageError(f"{_short(text)} cannot be read: {reason}") from exc


def _short(text: str) -> str:
    """``text`` as it may stand in a message: printable, 80 characters at most."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-16:]}"


def _check_bytes(size: int, name: str, limits: Limits) -> None:
    if size == 0:
        raise ImageError(f"{name} is empty (0 bytes); choose another picture")
    if size > limits.max_bytes:
        raise ImageError(
            f"{name} has {size / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.1f} MB are accepted: save it smaller or as JPEG"
        )


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageError(
            f"{name} has {width} x {height} pixels; at most {limits.max_pixels / 1e6:g} megapixels are accepted: scale it down"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name} has {width} x {height} pixels; expected at least {MIN_SIDE} a side")


def _from_data_uri(uri: str, limits: Limits) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith("data:image/") or not head.lower().endswith(";base64"):
        raise ImageError("the data URI is not of the form data:image/…;base64,…")
    _check_bytes(len(body) * 3 // 4, "the data URI", limits)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("the data URI holds no valid base64; it may have been cut off") from None


def _download(url: str, limits: Limits) -> bytes:
    import httpx

    data = bytearray()
    try:
        with httpx.stream("GET", url, timeout=URL_TIMEOUT_S, follow_redirects=False) as response:
            if response.status_code != 200:
                raise ImageError(f"{_short(url)} answered HTTP {response.status_code}; save the picture and pass its path")
            for chunk in response.iter_bytes():
                data += chunk
                _check_bytes(len(data), _short(url), limits)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ImageError(f"{_short(url)} cannot be fetched ({type(exc).__name__}); check the address") from exc
    return bytes(data)


def decode(data: bytes, name: str = "the picture", limits: Limits | None = None) -> Image.Image:
    """The picture in ``data`` as :func:`open_image` gives it; ``name`` stands in messages.

    Raises:
        ImageError: when it is none, is damaged, or goes beyond ``limits``.
    """
    limits = limits or Limits()
    _check_bytes(len(data), name, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with _opened(data) as image:
                _check_size(image.size, name, limits)
                if image.format != "HEIF":  # which opens at the one that its maker calls the picture
                    image.seek(0)
                image.load()
                _check_size(image.size, name, limits)  # a HEIC file says how large it is in more than one place
                return _upright_rgb(image, name)
    except UnidentifiedImageError:
        raise ImageError(f"{name} is no picture that can be read; use {READABLE}") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name} would unpack to more than {limits.max_pixels / 1e6:g} megapixels: scale it down") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError, MemoryError, RuntimeError) as exc:
        raise ImageError(f"{name} is damaged or cut off; save or download it again") from exc


def _opened(data: bytes) -> ImageFile.ImageFile:
    """The picture in ``data``, not decoded yet.

    AVIF and HEIC begin alike, so that AVIF is tried first. The HEIC opener is not made known to Pillow, where it would
    open files for everybody in this process.
    """
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if data[4:8] != b"ftyp" or data[8:12] not in HEIF_BRANDS:
            raise
    import pillow_heif

    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    image: ImageFile.ImageFile = pillow_heif.HeifImageFile(io.BytesIO(data))
    return image


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    """A new RGB image: turned as EXIF says, colours brought to sRGB, transparency on white, no metadata."""
    try:
        profile = image.info.get("icc_profile")
        if getattr(image, "format", "") != "HEIF":  # its container says how it is turned, which is done; EXIF is a copy of that
            image = ImageOps.exif_transpose(image)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            image = _eight_bits(image)
        image = _to_srgb(image, profile)
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.new("RGB", rgba.size, "white")
            image.paste(rgba, mask=rgba.getchannel("A"))
        clean = Image.new("RGB", image.size)
        clean.paste(image.convert("RGB"))
        return clean
    except (OSError, ValueError, SyntaxError, KeyError) as exc:
        raise ImageError(f"{name} is damaged; save or download it again") from exc


def _eight_bits(image: Image.Image) -> Image.Image:
    """16- and 32-bit grey as 8 bits: the whole range of 16 bits where the values fit it, else what occurs."""
    import numpy as np

    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0 if high > 255 else 255.0
    scale = 255.0 / (high - low) if high > low else 1.0
    return Image.fromarray(((values - low) * scale).round().astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """``image`` with its ICC profile applied; a broken or foreign profile is ignored, as viewers do."""
    if not profile or image.mode not in ("RGB", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return converted or image

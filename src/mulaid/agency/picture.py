"""The process that looks at a picture from outside: `python -I -m mulaid.agency.picture clean|mark`, bytes in, bytes out.

It has no database, no keys, no network to speak of, little memory and little time. What it cannot read as JPEG or PNG it refuses;
what it can is drawn anew, so that places, devices, trailing programs and all else that is not the picture stay behind.
"""

from __future__ import annotations

import io
import resource
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MEMORY, CPU_SECONDS = 768 << 20, 10
MOST_PIXELS, LONGEST_SIDE, QUALITY = 40_000_000, 2_400, 85
REFUSED = 3
TOO_LARGE, UNREADABLE = "too_large", "unreadable"


def clean(raw: bytes) -> bytes:
    """A fresh JPEG of what the picture shows, upright, at most 2400 pixels long. ValueError names why it cannot be."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as opened:
            opened.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            return _jpeg(_drawn_anew(ImageOps.exif_transpose(opened)))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        raise ValueError(TOO_LARGE) from None
    except Exception:  # a decoder fed with garbage may raise anything; all of it means the same to the sender
        raise ValueError(UNREADABLE) from None


def mark(picture: bytes, words: str) -> bytes:
    """The picture with who looks at it, and when, written across it."""
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(io.BytesIO(picture), formats=("JPEG",)) as opened:
        paper = opened.convert("RGB")
    size = max(14, max(paper.size) // 40)
    # Twice, in light and a pixel beside it in dark, so that it is seen on every ground.
    for colour, shift in (((255, 255, 255), 0), ((130, 0, 0), 1)):
        ink = Image.new("L", paper.size, 0)
        draw, font = ImageDraw.Draw(ink), ImageFont.load_default(size)
        step = size * 6
        for row, top in enumerate(range(size, paper.height, step)):
            for left in range(-step * (row % 2), paper.width, int(draw.textlength(words, font)) + step):
                draw.text((left + shift, top + shift), words, fill=110, font=font)
        paper.paste(Image.new("RGB", paper.size, colour), mask=ink)
    return _jpeg(paper)


def main(arguments: list[str], raw: bytes) -> bytes:
    """Carry out one order."""
    if arguments[:1] == ["clean"]:
        return clean(raw)
    if arguments[:1] == ["mark"] and len(arguments) == 2:
        return mark(raw, arguments[1])
    raise ValueError("clean, or mark with the words")


def confine() -> None:
    """Give up what a picture needs not: memory, time, files to write, programs to start."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _drawn_anew(picture: Image.Image) -> Image.Image:
    """The pixels on a new white sheet; comments and profiles hang on the old one."""
    from PIL import Image

    sheet = Image.new("RGB", picture.size, (255, 255, 255))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        sheet.paste(picture, mask=picture.getchannel("A"))
    else:
        sheet.paste(picture.convert("RGB"))
    return sheet


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


if __name__ == "__main__":
    confine()
    try:
        made = main(sys.argv[1:], sys.stdin.buffer.read())
    except ValueError as trouble:
        sys.stderr.write(str(trouble))
        sys.exit(REFUSED)
    sys.stdout.buffer.write(made)

"""Paper: a PDF of rows and sums. Chinese is set in Adobe's standard face, which readers bring along, so none is carried."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

FACE = "STSong-Light"
WIDTHS = (22 * mm, 52 * mm, 12 * mm, 20 * mm, 22 * mm, 22 * mm, 22 * mm, 18 * mm)


def document(
    title: str, below: str, facts: Sequence[tuple[str, str]], head: Sequence[str], rows: Sequence[Sequence[str]]
) -> bytes:
    """One PDF: title, a line below it, facts, and a table that repeats its head on every page."""
    pdfmetrics.registerFont(UnicodeCIDFont(FACE))
    large = ParagraphStyle("large", fontName=FACE, fontSize=16, leading=22)
    small = ParagraphStyle("small", fontName=FACE, fontSize=9, leading=13, wordWrap="CJK")
    lines = TableStyle(
        [
            ("FONT", (0, 0), (-1, -1), FACE, 9),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.grey),
            ("ALIGN", (3, 0), (-1, -1), "RIGHT"),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    body = [[row[0], Paragraph(_plain(row[1]), small), *row[2:]] for row in rows]
    story = [
        Paragraph(_plain(title), large),
        Paragraph(_plain(below), small),
        Spacer(1, 4 * mm),
        Paragraph("　".join(_plain(f"{name} {value}") for name, value in facts), small),
        Spacer(1, 4 * mm),
        Table([list(head), *body], colWidths=WIDTHS, style=lines, repeatRows=1),
        Spacer(1, 4 * mm),
        Paragraph("真实的费用，以医院、药店的结算单为准。", small),
    ]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, leftMargin=10 * mm, rightMargin=10 * mm, title=title, author="家人医保").build(story)
    return out.getvalue()


def sample_picture() -> ContentFile:
    """A made-up page for the demonstration, no two alike: lines where words would be, and DEMO across it."""
    page = Image.new("RGB", (900, 640), "#f7f3e8")
    draw = ImageDraw.Draw(page)
    for line in range(12):
        draw.rectangle((80, 70 + line * 44, 160 + secrets.randbelow(620), 86 + line * 44), fill="#9a9486")
    draw.text((360, 300), "DEMO", fill="#b3261e", font_size=90)
    out = io.BytesIO()
    page.save(out, "PNG")
    return ContentFile(out.getvalue(), "demo.png")


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

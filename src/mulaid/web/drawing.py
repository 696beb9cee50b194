"""What the server draws: charts as SVG with classes only, so that they follow style sheet, large type and print;
papers as PDF, tables as CSV.

Chinese on paper is set in Adobe's standard face, which readers bring along, so none is carried.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from django.core.files.base import ContentFile
from django.utils.safestring import SafeString, mark_safe
from PIL import Image, ImageDraw
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from mulaid.web.words import money

NAMES = {"pool": "医保基金", "own": "自己的账户", "fam": "家人的账户", "cash": "现金"}
STEPS = (1, 2, 4, 6, 8, 10)
FACE = "STSong-Light"
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
AMOUNT = re.compile("-?[0-9]+[.][0-9]{2}")
WIDTHS = (22 * mm, 52 * mm, 12 * mm, 20 * mm, 22 * mm, 22 * mm, 22 * mm, 18 * mm)


def columns(
    labels: Sequence[str],
    data: Mapping[str, Sequence[int]],
    *,
    title: str,
    width: int = 342,
    height: int = 210,
    font: int = 11,
    names: Mapping[str, str] = NAMES,
    say: Callable[[int], str] = money,
    unit: int = 100,
) -> SafeString:
    """Stacked columns; `data`: look (a class of the style sheet) and the fen of each label. Parts below zero are not drawn.

    Other things than fen: `names` of the looks, `say` an amount in words, `unit` what one step of the axis counts.
    """
    totals = [sum(max(0, row[place]) for row in data.values()) for place in range(len(labels))]
    top = _round_up(max(totals, default=0) // unit)
    left, base, ceiling = font * (8 + 6 * len(str(top))) // 10, height - font * 19 // 10, font * 11 // 10
    step = (width - left - 4) / max(1, len(labels))
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" font-size="{font}">',
        *_grid(top, left, width, base, ceiling, font),
    ]
    for place, label in enumerate(labels):
        at = left + step * place
        told = [f"{names[look]} {say(row[place])}" for look, row in data.items() if row[place]]
        tip = "\n".join((f"{label} 合计 {say(totals[place])}", *told))
        parts.append(f'<g class="col" data-tip="{escape(tip)}"><rect class="hit" x="{at:.1f}" y="{ceiling}"')
        parts.append(f' width="{step:.1f}" height="{base - ceiling}"/>')
        y = base * 1.0
        for look, row in data.items():
            tall = max(0, row[place]) / unit / top * (base - ceiling)
            if tall > 0:
                y -= tall
                parts.append(f'<rect class="{look}" x="{at + step * 0.2:.1f}" y="{y:.1f}" width="{step * 0.6:.1f}"')
                parts.append(f' height="{max(tall - 0.8, 0.8):.1f}" rx="1.5"/>')
        parts.append("</g>")
        parts.append(
            f'<text class="ax" x="{at + step / 2:.1f}" y="{height - font * 0.45:.1f}" text-anchor="middle">{escape(label)}</text>'
        )
    return mark_safe("".join([*parts, "</svg>"]))  # noqa: S308


def _grid(top: int, left: int, width: int, base: int, ceiling: int, font: int) -> list[str]:
    parts = []
    for quarter in range(5):
        y = base - (base - ceiling) * quarter / 4
        look = "grid base" if quarter == 0 else "grid"
        parts.append(f'<line class="{look}" x1="{left}" x2="{width - 4}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="ax" x="{left - 6}" y="{y + font * 0.35:.1f}" text-anchor="end">{top * quarter // 4:,}</text>')
    return parts


def _round_up(yuan: int) -> int:
    """The smallest round end of an axis of four equal steps that is not below."""
    power = 4
    while True:
        for step in STEPS:
            if step * power >= yuan:
                return step * power
        power *= 10


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


def sheet(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows for a table program; the mark at the beginning is what makes it read Chinese as Chinese."""
    text = io.StringIO()
    csv.writer(text).writerows([head, *([_cell(value) for value in row] for row in rows)])
    return "\ufeff" + text.getvalue()


def _cell(text: str) -> str:
    """A cell that a table program reads as text: what begins like a formula and is no amount gets a mark in front."""
    return f"'{text}" if text[:1] in FORMULA and not AMOUNT.fullmatch(text) else text


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

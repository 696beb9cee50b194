"""Charts drawn on the server: SVG with classes only, so that they follow the style sheet, large type and print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from django.utils.safestring import SafeString, mark_safe

from mulaid.money import Fen
from mulaid.web.words import money

NAMES = {"pool": "医保基金", "own": "自己的账户", "fam": "家人的账户", "cash": "现金"}
STEPS = (1, 2, 4, 6, 8, 10)


def columns(
    labels: Sequence[str], data: Mapping[str, Sequence[Fen]], *, title: str, width: int = 342, height: int = 210, font: int = 11
) -> SafeString:
    """Stacked columns; `data`: look (a class of the style sheet) and the fen of each label. Parts below zero are not drawn."""
    totals = [sum(max(0, row[place]) for row in data.values()) for place in range(len(labels))]
    top = _round_up(max(totals, default=0) // 100)
    left, base, ceiling = font * (8 + 6 * len(str(top))) // 10, height - font * 19 // 10, font * 11 // 10
    step = (width - left - 4) / max(1, len(labels))
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" font-size="{font}">',
        *_grid(top, left, width, base, ceiling, font),
    ]
    for place, label in enumerate(labels):
        at = left + step * place
        told = [f"{NAMES[look]} {money(row[place])}" for look, row in data.items() if row[place]]
        tip = "\n".join((f"{label} 合计 {money(totals[place])}", *told))
        parts.append(f'<g class="col" data-tip="{escape(tip)}"><rect class="hit" x="{at:.1f}" y="{ceiling}"')
        parts.append(f' width="{step:.1f}" height="{base - ceiling}"/>')
        y = base * 1.0
        for look, row in data.items():
            tall = max(0, row[place]) / 100 / top * (base - ceiling)
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

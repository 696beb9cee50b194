"""Words of the pages: what relatives are called, money as it is read and as it is spoken, dates, and the icons beside them."""

from __future__ import annotations

from datetime import date, datetime
from importlib import resources
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from mulaid.calendar import SHANGHAI
from mulaid.money import Fen, yuan
from mulaid.policy.explain import RELATIONS
from mulaid.policy.pack import library

register = template.Library()
MALE, FEMALE = "1", "2"
CALLED = {
    "parent": ("爸爸", "妈妈"), "child": ("儿子", "女儿"), "spouse": ("丈夫", "妻子"), "sibling": ("兄弟", "姐妹"),
    "paternal_grandparent": ("爷爷", "奶奶"), "maternal_grandparent": ("外公", "外婆"),
    "grandchild_of_son": ("孙子", "孙女"), "grandchild_of_daughter": ("外孙", "外孙女"),
    "parent_in_law": ("配偶的爸爸", "配偶的妈妈"),
}  # fmt: skip
BASES = {"active": "职工医保（在职）", "retired": "职工医保（退休）", "resident": "居民医保"}
STATUSES = {
    "normal": "正常参保", "suspended": "暂停参保", "lapsed_waiting": "等待期内", "ended": "已终止参保", "moved": "已转出",
}  # fmt: skip
USES = {"outpatient": "门诊", "pharmacy": "买药", "inpatient": "住院", "premium": "缴居民医保"}
ICONS = dict(line.split(" ", 1) for line in resources.files("mulaid.web").joinpath("icons.txt").read_text("utf-8").splitlines())
"""Our own line drawings on a field of 24 by 24: a name and a path."""


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line drawing of our own; decoration, so nobody is read its name."""
    return mark_safe(f'<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[name]}"/></svg>')  # noqa: S308


@register.filter
def money(fen: Fen) -> str:
    """`¥1,234.50`; of a refund `-¥12.34`."""
    whole, _, cents = yuan(abs(fen)).partition(".")
    return f"{'-' if fen < 0 else ''}¥{int(whole):,}.{cents}"


@register.filter
def spoken(fen: Fen) -> str:
    """`64 元 5 角 6 分`: as it is said, for those who do not read decimals."""
    whole, cents = divmod(abs(fen), 100)
    parts = [f"{whole} 元"] if whole or not cents else []
    parts += [f"{cents // 10} 角"] if cents >= 10 else []
    parts += [f"{cents % 10} 分"] if cents % 10 else []
    return " ".join(parts)


@register.filter
def moment(at: datetime) -> str:
    """`3 月 12 日 09:30`."""
    local = at.astimezone(SHANGHAI)
    return f"{local.month} 月 {local.day} 日 {local:%H:%M}"


@register.filter
def day(at: datetime | date) -> str:
    """`2026 年 3 月 12 日`."""
    local = at.astimezone(SHANGHAI).date() if isinstance(at, datetime) else at
    return f"{local.year} 年 {local.month} 月 {local.day} 日"


@register.filter
def relation(word: str) -> str:
    """The official word of a relation."""
    return RELATIONS.get(word, "家人")


@register.filter
def use(word: str) -> str:
    """What money may be used for."""
    return USES.get(word, word)


@register.filter
def region(code: str) -> str:
    """The name of a pooling area, of its province where the area has no pack of its own."""
    name = library().name(code)
    return library().name(code[:2] + "0000") if name == code else name


@register.inclusion_tag("_field.html")
def field(bound: Any) -> dict[str, Any]:
    """One field of a form: label, control, what is wrong, what helps."""
    widget = bound.field.widget
    kind = "chips" if bound.use_fieldset else "switch" if bound.widget_type == "checkbox" else "line"
    return {"field": bound, "kind": kind, "unit": widget.attrs.get("data-unit", "")}


def called(word: str, gender: str) -> str:
    """What I call a relative: 爸爸, 女儿."""
    man, woman = CALLED.get(word, ("家人", "家人"))
    return {MALE: man, FEMALE: woman}.get(gender, RELATIONS.get(word, "家人"))

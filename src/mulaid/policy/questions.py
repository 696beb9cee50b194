"""Questions people ask, answered with the values in force where they are insured, and with what is weak about them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mulaid.money import yuan
from mulaid.policy.channels import where
from mulaid.policy.explain import RELATIONS, TAGS
from mulaid.policy.pack import Pack
from mulaid.policy.parameters import reference

NOT_PUBLISHED = "当地没有公布"
_HOLE = re.compile(r"\{([a-z_:]+)\}")
_PREMIUM = {"all": "每人", "child": "学生儿童", "working_age": "劳动年龄内", "elderly": "老年人"}
_SCHEMES = {"resident": "居民医保", "ltc": "长期护理保险", "city_supplement": "城市补充保险", "commercial": "商业健康保险"}
_USES = {
    "inpatient": "住院", "outpatient": "门诊", "pharmacy": "药店购药", "premium_resident": "居民医保缴费",
    "premium_ltc": "长期护理保险缴费",
}  # fmt: skip
_WORDS: Mapping[str, Mapping[str, str]] = {
    "family_account_binder_window": {"total": "合计", "calendar_month": "每个自然月", "none": "不限时间"},
    "family_account_unbind_by": {"binder": "绑定人", "member": "家人"},
    "mutual_aid_filing_mode": {
        "instant_promise": "签承诺书即时办理", "review": "提交后需要审核", "counter": "到窗口办理",
    },
    "mutual_aid_relations": RELATIONS,
    "mutual_aid_use_types": _USES,
    "payable_premium_schemes": _SCHEMES,
    "prohibited_uses": TAGS,
    "wallet_mode": {"none": "尚未开通", "transfer": "通过医保钱包转账", "quota": "给家人设一个冻结的额度，资金不转出"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its answer for a region. `weak` names the rules it rests on that have no good source."""

    id: str
    ask: str
    text: str
    weak: tuple[str, ...]

    @property
    def caution(self) -> str:
        """What a reader must know when the answer rests on weak sources; empty otherwise."""
        return f"其中{'、'.join(f'“{name}”' for name in self.weak)}的公开依据不足，以当地医保部门为准" if self.weak else ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as stored: its answer with holes for values."""

    id: str
    ask: str
    answer: str
    seeds: str
    uses: tuple[str, ...]

    @property
    def holes(self) -> list[str]:
        """What the answer needs to know."""
        return _HOLE.findall(self.answer)


@cache
def questions() -> tuple[Question, ...]:
    """All questions in their order, as in `packs/questions.toml`."""
    raw = tomllib.loads(resources.files("mulaid").joinpath("packs/questions.toml").read_text("utf-8"))
    return tuple(
        Question(row["id"], row["ask"], row["answer"], row["seeds"], tuple(row.get("uses", ()))) for row in raw["question"]
    )


def answers(pack: Pack) -> list[Answer]:
    """Every question answered for the region and day of a pack."""
    return [_answer(question, pack) for question in questions()]


def _answer(question: Question, pack: Pack) -> Answer:
    text = _HOLE.sub(lambda hole: _fill(hole[1], pack), question.answer)
    rules = [_RULE_OF.get(hole, hole) for hole in (*question.holes, *question.uses)]
    weak = [name for name in dict.fromkeys(rules) if name in pack.values and pack.values[name].confidence == "low"]
    # A default of ours that limits nobody is no rule that a reader would have to doubt.
    weak = [name for name in weak if not _limits_nobody(pack, name)]
    return Answer(question.id, question.ask, text, tuple(reference()[name].zh for name in weak))


def _limits_nobody(pack: Pack, name: str) -> bool:
    return pack.knows(name) and pack[name] in (None, 0, frozenset()) and not isinstance(pack[name], bool)


def _fill(hole: str, pack: Pack) -> str:
    if hole == "name":
        return pack.name
    if hole.startswith("where:"):
        channel, way = where(hole.removeprefix("where:"), pack.region)[0]
        return f"{channel.name}（{way.shown}）"
    if not pack.knows(_RULE_OF.get(hole, hole)):
        return NOT_PUBLISHED
    if hole in _SPECIAL:
        return _SPECIAL[hole](pack)
    return _told(hole, pack[hole])


def _told(parameter: str, value: Any) -> str:
    words = _WORDS.get(parameter)
    if value is None:
        return "不限"
    if isinstance(value, bool):
        return "可以" if value else "不可以"
    if words and isinstance(value, str):
        return words[value]
    if words and isinstance(value, frozenset):
        return "、".join(zh for word, zh in words.items() if word in value) or "暂无"
    return str(value)


def _premium(pack: Pack) -> str:
    amounts = pack["resident_premium"]
    return "、".join(f"{zh} {yuan(amounts[key])} 元" for key, zh in _PREMIUM.items() if key in amounts) or NOT_PUBLISHED


def _items(pack: Pack) -> str:
    says = {"allow": "可以", "deny": "不可以"}
    return "、".join(f"{TAGS[tag]}{says[word]}" for tag, word in sorted(pack["account_item_overrides"].items())) or "没有特别规定"


def _implant(pack: Pack) -> str:
    return "不支付" if "implant" in pack["catalogue_excluded_items"] else "种植类医疗服务项目已纳入支付范围"


_RULE_OF = {"implant": "catalogue_excluded_items"}
_SPECIAL: Mapping[str, Callable[[Pack], str]] = {
    "resident_premium": _premium,
    "account_item_overrides": _items,
    "authoriser_balance_floor": lambda pack: yuan(pack["authoriser_balance_floor"]),
    "implant": _implant,
}

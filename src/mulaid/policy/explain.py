"""Explanations: the steps of a decision as Chinese sentences, each with its amount, rule, source and confidence.

The sentences are made from the steps alone, so what is told years later is what decided then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mulaid.money import Fen, yuan
from mulaid.policy.pack import Pack
from mulaid.policy.split import Step

RELATIONS = {
    "spouse": "配偶", "parent": "父母", "child": "子女", "sibling": "兄弟姐妹", "paternal_grandparent": "祖父母",
    "maternal_grandparent": "外祖父母", "grandchild_of_son": "孙子女", "grandchild_of_daughter": "外孙子女",
    "parent_in_law": "配偶的父母",
}  # fmt: skip
INVERSE = {
    "spouse": "配偶", "parent": "子女", "child": "父母", "sibling": "兄弟姐妹", "paternal_grandparent": "孙子女",
    "maternal_grandparent": "外孙子女", "grandchild_of_son": "祖父母", "grandchild_of_daughter": "外祖父母",
    "parent_in_law": "子女的配偶",
}  # fmt: skip
LEVELS = {
    "primary": "基层机构", "L1": "一级机构", "L2": "二级机构", "L3": "三级机构", "L3P": "省级三甲医院", "pharmacy": "定点药店",
}  # fmt: skip
STATUSES = {
    "suspended": "参保状态为暂停", "lapsed_waiting": "还在等待期内", "ended": "参保关系已终止", "moved": "参保关系已转出",
}  # fmt: skip
TAGS = {
    "implant": "种植牙", "orthodontics": "牙齿矫正", "whitening": "牙齿美白", "dental_own": "自费牙科治疗",
    "public_health": "公共卫生",
    "sport": "体育健身", "wellness": "养生保健", "cosmetic": "美容整形", "non_medical": "非疾病治疗", "": "目录外自费",
}  # fmt: skip
REASONS = {
    "member_suspended": "就医人参保暂停，不能使用家人的账户",
    "giver_suspended": "{giver}的参保状态不正常，不能替家人付",
    "relation_not_active": "与{giver}的共济关系没有生效或已经终止，需要重新办理",
    "relation_not_eligible": "按规定，{giver}不在可以共济的家人范围内",
    "area_not_open": "{giver}的参保地与就医人的参保地之间还没有开通共济",
    "not_drawn_here": "{giver}的参保地要先把钱转入家庭账户才能用",
    "use_prohibited": "与{giver}的共济没有开放这一种用途",
    "quota_exhausted": "{giver}给的额度已经用完",
    "below_floor": "{giver}的账户余额没有超过必须留给自己的数",
    "no_balance": "{giver}的账户没有余额",
    "limit_givers": "一次结算能用的付款家人已满",
    "own_balance_left": "自己的账户还有余额，不能用家人的",
}
RULES = {
    "split_current_and_prior_account": "当年账户先付",
    "outpatient_deductible": "门诊起付线",
    "outpatient_deductible_mode": "起付线计算方式",
    "outpatient_ratio": "门诊统筹支付比例",
    "tier_basis": "支付比例的分段口径",
    "person_classes": "人员类别的细分",
    "outpatient_cap": "门诊统筹年度限额",
    "outpatient_supplement_after_cap": "限额以上的大额补助",
    "outpatient_after_cap_ratio": "限额以上的补助比例",
    "prohibited_uses": "账户禁止支付的用途",
    "account_item_overrides": "账户支付的特别项目",
    "vaccine_allow_list": "账户可付的疫苗",
    "account_scope": "账户支付范围",
    "own_account_first": "先用自己的账户",
    "own_balance_must_be_zero": "自己的账户用完才用家人的",
    "suspended_owner_can_spend_own": "参保暂停时用自己的账户",
    "suspended_member_can_receive": "就医人参保暂停时的共济",
    "suspended_giver_can_fund": "付款家人参保暂停时的共济",
    "auto_release_on": "共济关系自动解除",
    "authoriser_excluded_groups": "不能共济的人员",
    "mutual_aid_relations": "可以共济的家人",
    "mutual_aid_effective_delay_days": "共济生效的等待天数",
    "mutual_aid_valid_period": "共济的有效期",
    "mutual_aid_area": "可以共济的地区",
    "mutual_aid_mode": "共济的方式",
    "mutual_aid_use_types": "共济可以用在哪里",
    "member_quota": "给家人的额度",
    "authoriser_account_part": "可以共济的账户部分",
    "authoriser_balance_floor": "必须留给自己的余额",
    "authoriser_reserve_ratio": "必须留给自己的比例",
    "settlement_cap_per_member": "每次结算的上限",
    "max_authorisers_per_settlement": "一次能用几位家人的账户",
    "authoriser_order": "家人账户的扣款顺序",
}
ORDERS = {
    "filing_time": "按备案先后", "binding_time_asc": "先绑定的先付", "binding_time_desc": "后绑定的先付",
    "local_then_binding": "先本地后外地、先绑定的先付", "balance_desc_name": "余额多的先付", "user_rank": "按自己排的顺序",
    "payer_choice": "按就医人的选择",
}  # fmt: skip
LIMITS = {
    "authoriser_balance_floor": "只能用超过 {floor} 元的部分",
    "authoriser_reserve_ratio": "其余按比例留给自己",
    "settlement_cap_per_member": "到了每次上限",
    "member_quota": "额度用完",
    "balance": "余额用完",
}
MODES = {
    "annual": "每年一次",
    "annual_by_level_difference": "全年按最高级别补差",
    "per_visit_day": "每天每家机构一次",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of an explanation. `rule` is the parameter's name; `confidence` is empty where no rule decided."""

    what: str
    text: str
    fen: Fen
    rule: str = ""
    region: str = ""
    source: str = ""
    since: str = ""
    confidence: str = ""

    @property
    def rule_name(self) -> str:
        """What people call the rule; empty where no rule decided."""
        return RULES[self.rule] if self.rule else ""

    @property
    def caution(self) -> str:
        """What a reader must know when the rule rests on weak sources."""
        return "这条规则的公开依据不足，以当地医保部门为准" if self.confidence == "low" else ""


def explain(packs: Mapping[str, Pack], steps: Sequence[Step]) -> list[Line]:
    """The decision told in order; the same for citizen, clerk and hospital, who differ only in how much of a line they see."""
    return [_line(packs, step) for step in steps if step.what in SENTENCES]


def _line(packs: Mapping[str, Pack], step: Step) -> Line:
    text = SENTENCES[step.what](step, packs)
    if not step.rule:
        return Line(step.what, text, step.fen)
    pack = packs[step.region]
    value = pack.values[step.rule]
    return Line(step.what, text, step.fen, step.rule, pack.name, value.source, value.since, value.confidence)


def _bill(step: Step, _: Mapping[str, Pack]) -> str:
    return f"这张单据共 {yuan(step.fen)} 元，其中 {yuan(step.detail['covered'])} 元在医保报销范围内"


def _no_fund(step: Step, _: Mapping[str, Pack]) -> str:
    return f"就医人{STATUSES.get(step.detail['status'], '参保状态不正常')}，医保基金这次不报销"


def _current_year(step: Step, _: Mapping[str, Pack]) -> str:
    return f"先扣就医人自己的当年账户 {yuan(step.fen)} 元，扣后还剩 {yuan(step.detail['left'])} 元"


def _deductible(step: Step, _: Mapping[str, Pack]) -> str:
    return (
        f"起付线以内由个人负担 {yuan(step.fen)} 元（{MODES[step.detail['mode']]}，此前已累计 {yuan(step.detail['before'])} 元）"
    )


def _pool(step: Step, _: Mapping[str, Pack]) -> str:
    level = LEVELS[step.detail["level"]]
    if "percent" not in step.detail:
        return f"在{level}，起付线以上的 {yuan(step.detail['eligible'])} 元医保统筹基金不付"
    # A whole number of tens is kept as 9E+1.
    ratio = format(Decimal(step.detail["percent"]), "f")
    return f"医保统筹基金付 {yuan(step.fen)} 元：起付线以上 {yuan(step.detail['eligible'])} 元，{level}支付比例 {ratio}%"


def _cap(step: Step, _: Mapping[str, Pack]) -> str:
    cap, before, over = (yuan(step.detail[key]) for key in ("cap", "before", "over"))
    return f"医保统筹基金全年最多付 {cap} 元，此前已付 {before} 元，所以有 {over} 元付不了"


def _supplement(step: Step, _: Mapping[str, Pack]) -> str:
    return f"超过年度限额的部分，由大额补助付 {yuan(step.fen)} 元"


def _not_from_accounts(step: Step, _: Mapping[str, Pack]) -> str:
    tag = step.detail["tag"]
    name = f"疫苗（{tag.partition(':')[2]}）" if tag.startswith("vaccine") else TAGS.get(tag, tag)
    return f"“{name}” {yuan(step.fen)} 元不能用个人账户付，自己的、家人的都不能"


def _personal(step: Step, _: Mapping[str, Pack]) -> str:
    return f"剩下由个人承担 {yuan(step.fen)} 元"


def _own(step: Step, _: Mapping[str, Pack]) -> str:
    if not step.fen:
        return "就医人自己的个人账户没有可用的钱"
    return f"扣就医人自己的个人账户 {yuan(step.fen)} 元，扣后还剩 {yuan(step.detail['left'])} 元"


def _who(detail: Mapping[str, Any]) -> str:
    return f"{INVERSE[detail['relation']]}（{detail['giver']}）"


def _aid(step: Step, packs: Mapping[str, Pack]) -> str:
    pack = packs[step.region]
    limited = step.detail["limited"]
    end = ""
    if limited:
        end = "，" + LIMITS[limited].format(floor=yuan(pack["authoriser_balance_floor"]))
    order = ORDERS[step.detail["order"]]
    return f"家庭共济：扣{_who(step.detail)}的个人账户 {yuan(step.fen)} 元（{order}{end}）"


def _giver_passed(step: Step, _: Mapping[str, Pack]) -> str:
    return "没有扣" + _who(step.detail) + "的钱：" + REASONS[step.detail["reason"]].format(giver=_who(step.detail))


def _accounts_off(step: Step, _: Mapping[str, Pack]) -> str:
    return "这次选择了不用个人账户，自己的和家人的账户都不扣"


def _cash(step: Step, _: Mapping[str, Pack]) -> str:
    return f"现金付 {yuan(step.fen)} 元" if step.fen else "不用付现金"


SENTENCES = {
    "bill": _bill,
    "no_fund": _no_fund,
    "current_year": _current_year,
    "deductible": _deductible,
    "pool": _pool,
    "cap": _cap,
    "supplement": _supplement,
    "not_from_accounts": _not_from_accounts,
    "personal": _personal,
    "own": _own,
    "aid": _aid,
    "giver_passed": _giver_passed,
    "accounts_off": _accounts_off,
    "cash": _cash,
}


def cautions(lines: Sequence[Line]) -> Iterator[str]:
    """One sentence for each weakly sourced rule that decided, for the head of a page or a receipt."""
    for line in lines:
        if line.caution:
            yield f"{line.region}“{line.rule_name}”：{line.caution}"

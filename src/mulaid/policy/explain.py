"""Explanations: the steps of a decision as Chinese sentences, each with its amount, rule, source and confidence.

The sentences are made from the steps alone, so what is told years later is what decided then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mulaid.money import Fen, yuan
from mulaid.policy.facts import SELF
from mulaid.policy.pack import Pack
from mulaid.policy.parameters import reference
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
    "settlement_cap": "{giver}定的每次上限是零",
    "daily_limit": "{giver}今天能帮付的钱已经用完",
    "monthly_cap": "{giver}定的本月上限已经用完",
    "yearly_cap": "{giver}定的本年上限已经用完",
    "paused": "{giver}暂停了共济，恢复以后才能用",
    "below_floor": "{giver}的账户余额没有超过必须留给自己的数",
    "below_reserve": "{giver}的账户余额没有超过自己定的留用数",
    "all_frozen": "{giver}的账户余额已经全部冻结给别的家人",
    "no_balance": "{giver}的账户没有余额",
    "limit_givers": "一次结算能用的付款家人已满",
    "own_balance_left": "自己的账户还有余额，不能用家人的",
    "paper_card": "凭打印的就医卡只能用本人自己的账户，不能用家人的",
    "not_pooled_here": "就医人的参保地现在不从家庭共济账户扣钱",
}
FILINGS = {
    "long_term": "长期异地备案", "referral": "转诊备案", "emergency": "异地急诊", "other": "其他临时外出就医备案",
}  # fmt: skip
DISEASES = {
    "hypertension": "高血压", "diabetes": "糖尿病", "cancer_outpatient": "恶性肿瘤门诊放化疗", "dialysis": "尿毒症透析",
    "anti_rejection": "器官移植抗排异", "copd": "慢性阻塞性肺疾病", "rheumatoid_arthritis": "类风湿关节炎",
    "coronary_disease": "冠心病", "viral_hepatitis": "病毒性肝炎", "ankylosing_spondylitis": "强直性脊柱炎",
}  # fmt: skip
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
    "daily_mutual_aid_limit": "到了每天上限",
    "monthly_cap": "到了本月上限",
    "yearly_cap": "到了本年上限",
    "keep": "其余是这位家人留给自己的",
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
        return reference()[self.rule].zh if self.rule else ""

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


def _not_filed(step: Step, _: Mapping[str, Pack]) -> str:
    return "没有办理异地就医备案，医保基金这次不直接付；出院结账前补办备案，仍可直接结算"


def _papers_owed(step: Step, _: Mapping[str, Pack]) -> str:
    points = step.detail["points"]
    worth = "医保基金这次不直接付" if points is None else f"医保基金的支付比例降低 {points} 个百分点"
    return f"长期异地备案是承诺办的，材料还没有补，只在备案的地方享受待遇，{worth}；补齐材料，或者取消备案，就和以前一样"


def _remote(step: Step, _: Mapping[str, Pack]) -> str:
    return f"在参保地以外看病（{FILINGS[step.detail['filed']]}），医保基金的支付比例降低 {step.detail['points']} 个百分点"


def _admission_deductible(step: Step, _: Mapping[str, Pack]) -> str:
    return f"本年第 {step.detail['number']} 次住院，{LEVELS[step.detail['level']]}起付线以内由个人负担 {yuan(step.fen)} 元"


def _by_bands(bands: Sequence[Sequence[Any]]) -> str:
    return "、".join(f"{yuan(fen)} 元付 {ratio}%" for fen, ratio in bands)


def _admission(step: Step, _: Mapping[str, Pack]) -> str:
    level, eligible = LEVELS[step.detail["level"]], yuan(step.detail["eligible"])
    if not step.detail["bands"]:
        return f"在{level}住院，{eligible} 元医保统筹基金不付"
    return f"住院医保统筹基金付 {yuan(step.fen)} 元：起付线以上 {eligible} 元，在{level}{_by_bands(step.detail['bands'])}"


def _disease(step: Step, _: Mapping[str, Pack]) -> str:
    return (
        f"按门诊慢特病，医保统筹基金付 {yuan(step.fen)} 元：起付线以上 {yuan(step.detail['eligible'])} 元，"
        f"{LEVELS[step.detail['level']]}支付比例 {step.detail['percent']}%"
    )


def _not_across(step: Step, _: Mapping[str, Pack]) -> str:
    return "这个病的门诊还不能跨省按慢特病直接结算，这次按普通门诊算；慢特病待遇请带票据回参保地办理"


def _serious(step: Step, _: Mapping[str, Pack]) -> str:
    before = f"，减去此前已付的 {yuan(step.detail['before'])} 元" if step.detail["before"] else ""
    if "reward" in step.detail:
        cap, earned = yuan(step.detail["cap"]), yuan(step.detail["reward"])
        before += f"；封顶线 {cap} 元，因连续参保或零报销提高 {earned} 元"
    return (
        f"大病保险付 {yuan(step.fen)} 元：本年目录内个人负担累计 {yuan(step.detail['borne'])} 元，"
        f"超过 {yuan(step.detail['start'])} 元的部分，{_by_bands(step.detail['bands'])}{before}"
    )


def _not_from_accounts(step: Step, _: Mapping[str, Pack]) -> str:
    tag = step.detail["tag"]
    name = f"疫苗（{tag.partition(':')[2]}）" if tag.startswith("vaccine") else TAGS.get(tag, tag)
    return f"“{name}” {yuan(step.fen)} 元不能用个人账户付，自己的、家人的都不能"


def _personal(step: Step, _: Mapping[str, Pack]) -> str:
    return f"剩下由个人承担 {yuan(step.fen)} 元"


def _card(step: Step, packs: Mapping[str, Pack]) -> str:
    cap = yuan(packs[step.region]["card_daily_cap"])
    return (
        f"这次凭打印的就医卡，一天最多扣本人的账户 {cap} 元，"
        f"今天此前已用 {yuan(step.detail['used'])} 元，这次最多还能用 {yuan(step.detail['left'])} 元"
    )


def _own(step: Step, _: Mapping[str, Pack]) -> str:
    if not step.fen:
        frozen = step.detail.get("frozen")
        return "就医人自己的个人账户没有可用的钱" + (f"，有 {yuan(frozen)} 元冻结给了家人用" if frozen else "")
    frozen = f"，另有 {yuan(step.detail['frozen'])} 元已经冻结给家人用" if "frozen" in step.detail else ""
    return f"扣就医人自己的个人账户 {yuan(step.fen)} 元，扣后还剩 {yuan(step.detail['left'])} 元{frozen}"


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


def _household(step: Step, _: Mapping[str, Pack]) -> str:
    head = f"（户主{step.detail['head']}）" if step.detail["head"] else ""
    return f"扣家庭共济账户{head} {yuan(step.fen)} 元，扣后还能用 {yuan(step.detail['left'])} 元"


def _household_passed(step: Step, _: Mapping[str, Pack]) -> str:
    return "没有扣家庭共济账户的钱：" + REASONS[step.detail["reason"]].format(giver="家人")


def _wallet(step: Step, _: Mapping[str, Pack]) -> str:
    if step.detail["relation"] == SELF:
        return f"扣就医人自己医保钱包里的 {yuan(step.fen)} 元，钱包还剩 {yuan(step.detail['left'])} 元"
    return (
        f"跨省共济：扣{_who(step.detail)}在医保钱包里给就医人的额度 {yuan(step.fen)} 元，额度还剩 {yuan(step.detail['left'])} 元"
    )


def _wallet_passed(step: Step, _: Mapping[str, Pack]) -> str:
    if step.detail["relation"] == SELF:
        return "没有扣就医人自己医保钱包里的钱：" + REASONS[step.detail["reason"]].format(giver="自己")
    who = _who(step.detail)
    return f"没有扣{who}在医保钱包里给的额度：" + REASONS[step.detail["reason"]].format(giver=who)


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
    "not_filed": _not_filed,
    "papers_owed": _papers_owed,
    "remote": _remote,
    "admission_deductible": _admission_deductible,
    "admission": _admission,
    "disease": _disease,
    "not_across": _not_across,
    "serious": _serious,
    "not_from_accounts": _not_from_accounts,
    "personal": _personal,
    "card": _card,
    "own": _own,
    "aid": _aid,
    "giver_passed": _giver_passed,
    "household": _household,
    "household_passed": _household_passed,
    "wallet": _wallet,
    "wallet_passed": _wallet_passed,
    "accounts_off": _accounts_off,
    "cash": _cash,
}


def cautions(lines: Sequence[Line]) -> Iterator[str]:
    """One sentence for each weakly sourced rule that decided, for the head of a page or a receipt."""
    for line in lines:
        if line.caution:
            yield f"{line.region}“{line.rule_name}”：{line.caution}"

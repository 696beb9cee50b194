"""The handbook for makers of hospital software: a page a transaction, made of the same tables that check every message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from mulaid.gateway.contract import Codes, Field, Node, Transaction, contract
from mulaid.gateway.dialect import Profile, profiles

MADE = "<!-- 由接口表生成，请勿手改；重新生成：python tests/test_handbook.py -->\n"
SETTINGS = {
    "title": "接入类型",
    "infcode_text": "infcode 写成文本",
    "accounts_when_unsaid": "未填 acct_used_flag 时使用账户",
    "refund_positive": "退费金额为正数",
    "fund_includes_accounts": "基金合计含个人账户",
    "window_seconds": "签名时间允许相差（秒）",
    "stmt_codes": "对账结果代码",
    "recon_tolerates_aid": "对账允许共济另加",
    "amounts_text": "数字写成文本",
    "empties": "空值写法",
    "moments": "日期写法",
    "names": "字段名写法",
    "listed": "写成数组的对象",
    "output_text": "output 写成文本",
    "charset": "编码",
    "wrapper": "外层包装",
    "cainfo": "cainfo 签名",
    "encrypts": "output 加密",
    "per_minute": "每分钟上限（条）",
    "passing": "超限和结果未知时的应答",
}
"""Every setting of a connection in words."""


@dataclass(frozen=True, slots=True)
class Worked:
    """A message that was sent and what came back, as JSON texts; a file that came back is told in words."""

    request: str
    answer: str


def pages(worked: Mapping[str, Worked]) -> dict[str, str]:
    """The whole handbook: file names with their texts."""
    known = transactions()
    found = {f"{one.infno}.md": page(one, worked[one.infno]) for one in known}
    return {"README.md": index(known), "codes.md": codes(), "profiles.md": settings(), **found}


def transactions() -> list[Transaction]:
    """Every transaction once, by number."""
    return sorted(
        {one.infno: one for one in contract().transactions.values()}.values(), key=lambda one: (len(one.infno), one.infno)
    )


def index(known: list[Transaction]) -> str:
    """The first page: all transactions, and the envelope around each."""
    rows = [f"| [{one.infno}]({one.infno}.md) | {one.name} | {'、'.join(one.aliases)} |" for one in known]
    envelope = contract().envelope
    parts = [
        MADE,
        "# 接口手册\n",
        "每个交易一页，字段表就是平台校验报文用的表，示例由测试核对。接入、签名和重发见 [gateway.md](../gateway.md)。\n",
        "代码表见 [codes.md](codes.md)，各类接入的约定见 [profiles.md](profiles.md)。\n",
        "「必填」缺了就拒绝；「规范」是国家规范要求必填、本平台缺了也办理的字段。\n",
        "## 交易\n",
        "| 交易 | 名称 | 也接受 |\n|---|---|---|\n" + "\n".join(rows) + "\n",
        "## 报文头\n",
        *_sides(envelope),
    ]
    return "\n".join(parts)


def page(one: Transaction, worked: Worked) -> str:
    """One transaction: its input, its output, a worked message."""
    also = f"也接受：{'、'.join(one.aliases)}。\n" if one.aliases else ""
    parts = [MADE, f"# {one.infno} {one.name}\n", also, *_sides(one), "## 示例\n"]
    parts += [f"请求：\n\n```json\n{worked.request}\n```\n", f"应答：\n\n```json\n{worked.answer}\n```\n"]
    return "\n".join(part for part in parts if part)


def _sides(one: Transaction) -> Iterator[str]:
    for title, nodes in (("输入", one.input), ("输出", one.output)):
        yield f"## {title}\n"
        if not nodes:
            yield "没有业务内容，`output` 为 null。\n"
        for node in nodes:
            yield f"{_heading(node)}\n"
            rows = [_row(field) for field in node.fields]
            yield "| 字段 | 类型 | 要求 | 说明 |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _heading(node: Node) -> str:
    need = "必填" if node.need else "规范" if node.ask else ""
    shape = "数组" if node.many else "对象"
    if node.flat:
        place = "直接写在这一层" if not node.many else "output 本身就是数组"
    else:
        place = f"在 {node.inside} 里面" if node.inside else ""
    limit = f"最多 {node.most} 行" if node.many and node.most > 1 else ""
    told = "，".join(word for word in (shape, need, place, limit) if word)
    return f"### {node.name} {node.says}（{told}）"


def _row(field: Field) -> str:
    need = "必填" if field.need else "规范" if field.ask else ""
    says = field.says.replace("|", "\\|")
    if field.codes:
        strict = "，只接受表中的值" if field.codes.strict else ""
        says += f"。代码表 [{field.codes.name}](codes.md#{field.codes.name}){strict}"
    also = f"；也接受 {'、'.join(f'`{name}`' for name in field.aliases)}" if field.aliases else ""
    return f"| `{field.name}` | {field.type} | {need} | {says}{also} |"


def codes() -> str:
    """The page of all code tables."""
    return "\n".join([MADE, "# 代码表\n", *(_table(one) for _, one in sorted(contract().codes.items()))])


def _table(one: Codes) -> str:
    strict = "只接受表中的值。\n\n" if one.strict else ""
    rows = "\n".join(f"| {code} | {says} |" for code, says in one.values.items())
    return f"## {one.name}\n\n{one.says}。{strict}\n\n| 代码 | 含义 |\n|---|---|\n{rows}\n"


def settings() -> str:
    """The page of all connection profiles: for each, what differs from the national one."""
    usual = profiles()["national"]
    parts = [MADE, "# 接入类型\n", f"## national {usual.title}\n", _settings(usual, None)]
    for name, one in profiles().items():
        if name != "national":
            parts += [f"## {name} {one.title}\n", _settings(one, usual) or "与 national 相同。\n"]
    return "\n".join(parts)


def _settings(one: Profile, usual: Profile | None) -> str:
    rows = []
    for setting in fields(Profile):
        value = getattr(one, setting.name)
        if setting.name in ("name", "title", "plain") or (usual and value == getattr(usual, setting.name)):
            continue
        told = {True: "是", False: "否"}.get(value, value) if isinstance(value, bool) else value
        shown = "、".join(told) or "无" if isinstance(told, tuple) else told
        rows.append(f"| {SETTINGS[setting.name]} | `{setting.name}` | {shown} |")
    return "| 约定 | 设置 | 值 |\n|---|---|---|\n" + "\n".join(rows) + "\n" if rows else ""

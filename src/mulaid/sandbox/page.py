"""The control panel: one page that shows the sandbox's state, made without a script so that it can be reloaded at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 -apple-system, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", system-ui, sans-serif; margin: 0 auto;
       max-width: 72rem; padding: 1rem; color: #1c2430; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d5dbe3; white-space: nowrap }
td.long { white-space: normal; min-width: 18rem }
.good { color: #0b6b3a } .bad { color: #a3201d; font-weight: 600 }
.note { background: #fff6dc; padding: .5rem .8rem; border-left: 4px solid #b87700 }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace }
"""


def render(state: Mapping[str, Any], waiting: Sequence[Mapping[str, Any]]) -> str:
    """The whole page."""
    wrong = state["books"]
    books = '<p class="good">账目正确：各账合计为零，流水与余额一致，每个决定都能重算。</p>'
    if wrong:
        books = '<p class="bad">账目有误：' + "；".join(escape(text) for text in wrong) + "</p>"
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>沙箱 · mulaid</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/sandbox/style.css">',
        "</head><body><main><h1>医保沙箱</h1>",
        '<p class="note">这里的人、机构和钱都是编的，演示环境，随时可以清空重来。</p>',
        f"<p>沙箱时间：{escape(state['now'])}。<a href='/sandbox/'>刷新</a></p>",
        books,
        "<h2>等待发生的故障</h2>",
        _table(("故障", "交易", "先放过", "还有几次", "参数"), (_fault(row) for row in waiting), "没有安排故障。"),
        "<h2>最近的报文</h2>",
        _table(
            ("时间", "交易", "机构", "msgid", "HTTP", "infcode", "答复", "故障"),
            (
                (m["at"], m["infno"], m["institution"], m["msgid"], m["status"], m["infcode"], m["said"], m["fault"])
                for m in state["messages"]
            ),
            "还没有收到报文。",
        ),
        "<h2>人</h2>",
        _table(
            ("姓名", "身份证号", "人员编号", "参保地", "状态", "账户"),
            (
                (
                    p["name"],
                    p["number"],
                    p["psn_no"],
                    p["region"],
                    p["status"],
                    "，".join(f"{k} {v}" for k, v in p["accounts"].items()),
                )
                for p in state["people"]
            ),
            "还没有人。",
        ),
        "<h2>家庭共济</h2>",
        _table(
            ("付款的家人", "使用的人", "状态", "已用"),
            ((r["giver"], r["receiver"], r["status"], r["used"]) for r in state["relations"]),
            "还没有授权。",
        ),
        "</main></body></html>",
    ]
    return "".join(parts)


def _fault(row: Mapping[str, Any]) -> tuple[str, ...]:
    told = {"do", "infno", "skip", "times"}
    rest = "，".join(f"{name}={value}" for name, value in row.items() if name not in told)
    return str(row["do"]), str(row["infno"]) or "任何", str(row["skip"]), str(row["times"]), rest


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    body = ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    if not body:
        return f"<p>{escape(empty)}</p>"
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"

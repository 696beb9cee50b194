"""docs/demo.md: whom and what somebody finds in the demo city who wants to try by hand."""

from __future__ import annotations

from collections.abc import Iterator

from mulaid.demo.city import City
from mulaid.money import Fen, yuan
from mulaid.people import aid, enrolment
from mulaid.policy.explain import LEVELS, RELATIONS
from mulaid.policy.pack import library

CLASSES = {"active": "在职职工", "retired": "退休职工", "resident": "城乡居民"}


def document(city: City) -> str:
    """The whole page."""
    return "\n".join([*_INTRODUCTION, *_people(city), *_relations(city), *_places(city), *_catalogue(city)]) + "\n"


_INTRODUCTION = (
    "# 演示城市",
    "",
    "`python3 dev.py run` 第一次启动时，把这座城市装进一个空的数据库。人、机构、价格和密钥都是编的：",
    "身份证号用没有分配给任何人的地区代码 `100000`，密钥就写在这一页上，正式环境两样都不接受。",
    "`.venv/bin/mulaid demo` 用武汉王家演一遍从授权到退费的全过程。",
    "`.venv/bin/mulaid code 身份证号 [--shown-by 家人的身份证号]` 出示一个医保码，代替手机；医院程序用 1162 或解码地址来读。",
    "不用医保码时，`mdtrt_cert_type` 填 02，`mdtrt_cert_no` 填身份证号。",
    "",
    "<!-- This page is made from src/mulaid/demo/city.toml by python tests/test_tidy.py. -->",
    "",
)


def _people(city: City) -> Iterator[str]:
    yield from ("## 人", "")
    for home in city.households:
        name = library().name(home.region)
        place = "宜昌市" if home.region == "420500" else name
        yield from (f"**{home.key}**（{place} {home.region}）：{home.says}", "")
        yield from ("| 姓名 | 身份证号 | 参保 | 个人账户 | 当年账户 |", "|---|---|---|---|---|")
        for person in home.people:
            employee = person.enrolment.scheme == enrolment.EMPLOYEES
            own = yuan(person.account) if employee else "没有账户"
            kind = CLASSES[person.enrolment.base]
            yield f"| {person.name} | `{person.number}` | {kind} | {own} | {_some(person.current_year)} |"
        yield ""


def _some(fen: Fen) -> str:
    return yuan(fen) if fen else ""


def _relations(city: City) -> Iterator[str]:
    people = city.people
    yield from (
        "## 家庭共济：谁的钱谁能用",
        "",
        "| 付款的家人 | 使用的人 | 使用的人是付款人的 | 起始日 | 约定 |",
        "|---|---|---|---|---|",
    )
    for given in city.authorisations:
        names = f"{people[given.giver].name} | {people[given.receiver].name} | {RELATIONS[given.relation]}"
        yield f"| {names} | {given.bound} | {_terms(given.terms)} |"
    yield from ("", "家庭账户和跨省额度：", "")
    for pool in city.pools:
        members = "、".join(f"{people[who].name}（{RELATIONS[relation]}）" for who, relation in pool.members.items())
        yield f"- {people[pool.head].name}的家庭账户里有 {yuan(pool.moved)} 元，{members}都能用。"
    for quota in city.quotas:
        whom = f"{people[quota.receiver].name}（{RELATIONS[quota.relation]}）"
        yield f"- {people[quota.giver].name}为{whom}冻结了 {yuan(quota.quota)} 元额度。"
    yield from ("", "## 亲情账户：谁能出示谁的医保码", "", "| 出示的人 | 家人 | 家人是出示人的 |", "|---|---|---|")
    for bond in city.bonds:
        yield f"| {people[bond.binder].name} | {people[bond.member].name} | {RELATIONS[bond.relation]} |"
    yield ""


def _terms(terms: aid.Terms) -> str:
    uses = {"outpatient": "门诊", "pharmacy": "药店", "inpatient": "住院"}
    told = [
        f"总额 {yuan(terms.quota)} 元" if terms.quota is not None else "",
        f"每次最多 {yuan(terms.settlement_cap)} 元" if terms.settlement_cap is not None else "",
        f"到 {terms.valid_to}" if terms.valid_to else "",
        "只用于" + "、".join(uses[use] for use in terms.uses) if terms.uses is not None else "",
    ]
    return "，".join(part for part in told if part)


def _places(city: City) -> Iterator[str]:
    yield from (
        "## 机构和接入",
        "",
        "地址是 `http://127.0.0.1:8100/fsi/api`。`open` 不用签名，其余的签名方式见 `docs/gateway.md`。",
        "",
    )
    yield from ("| 机构 | 编码 | 参保地 | 级别 | 接入 | 连接标识 | 方言 | 演示密钥 |", "|---|---|---|---|---|---|---|---|")
    for place in city.places.values():
        for row in place.connections:
            first = f"{place.name} | `{place.code}` | {place.region} | {LEVELS[place.level]}"
            key = f"`{row.key}`" if row.key else ""
            yield f"| {first} | {row.transport} | `{row.id}` | {row.profile} | {key} |"
    yield ""


def _catalogue(city: City) -> Iterator[str]:
    grades = {"01": "甲", "02": "乙", "03": "目录外"}
    yield from ("## 目录", "", "| 编码 | 名称 | 价格 | 等级 | 先行自付 | 限价 | 标记 |", "|---|---|---|---|---|---|---|")
    for item in city.items.values():
        upfront = "" if item.upfront is None else f"{item.upfront // 10_000}%"
        limit = "" if item.limit is None else yuan(item.limit)
        yield f"| `{item.code}` | {item.name} | {yuan(item.price)} | {grades[item.grade]} | {upfront} | {limit} | {item.tag} |"

"""`mulaid demo`: one family's story against the running gateway, told step by step to whoever typed it; `mulaid code`.

A bill of the father's at a pharmacy and one at a hospital, over real signed HTTP; every run shows all who can pay: the fund, the
father himself, two of his children, and cash. What an earlier run left standing is returned first, so it can run for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from mulaid import commands, refs
from mulaid.calendar import stamp, wall_clock
from mulaid.client import Bill, Certificate, Client, Info, Line, NoAnswer, Refused
from mulaid.db import Actor, Database, Tx
from mulaid.demo import city
from mulaid.demo.city import City
from mulaid.ledger import chart, statement
from mulaid.money import Fen, yuan
from mulaid.people import credential, enrolment, identity
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.proof import told
from mulaid.proof.told import padded, width
from mulaid.proof.verify import faults
from mulaid.refusal import Refusal
from mulaid.serve import opened
from mulaid.settings import Settings

Say = Callable[[str], None]
BY = Actor("demo", "demo")
MARK = "DEMO"
HOSPITAL, PHARMACY = "H42010000001", "P42010000001"
FATHER, DAUGHTER, SON = "wang-father", "wang-daughter", "wang-son"
KEPT: dict[str, Fen] = {FATHER: 200_00, DAUGHTER: 500_00, SON: 1_000_00}
"""What the three accounts hold at least when a story begins; less is topped up with made-up money."""
AT_THE_PHARMACY = (("XC08CAA006A001010100007", 1), ("ZA09FAF0003010100003", 1))
AT_THE_HOSPITAL = (
    ("001102000010000-110200002", 1),
    ("002503100060000-250310006", 1),
    ("002203010010000-220301001", 1),
    ("XA10BDL002A001010100003", 2),
    ("FY00000000000003", 1),
)
FILLING = "C1407020010200000000002"
"""All the patient's own, payable from accounts: as many packs as it takes for the father's account to run out."""
WORDS = 14


def play(settings: Settings, say: Say, gateway: str | None = None) -> int:
    """The whole story. The exit code is 2 when no gateway answers or the city is not loaded, 1 when the books do not balance."""
    url = (gateway or f"http://127.0.0.1:{settings.gateway_port}").rstrip("/")
    if not _answers(url):
        say(f"网关 {url} 没有应答。请先在另一个窗口运行 python3 dev.py run，看到 ready 后再运行 mulaid demo。")
        return 2
    with opened(settings, size=2) as db:
        try:
            return tell_story(db, url, say)
        except (Refused, NoAnswer) as error:
            say(f"网关没有办成：{error}")
            return 1


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=3, trust_env=False).status_code == 200
    except (httpx.TransportError, httpx.InvalidURL):
        return False


def tell_story(db: Database, url: str, say: Say) -> int:
    """The story over a loaded city and the gateway at an address; exit code as `play`."""
    town = city.read()
    hospital, pharmacy = town.places[HOSPITAL], town.places[PHARMACY]
    with Client(url, hospital.way_in("mulaid1"), mark=MARK) as desk, Client(url, pharmacy.way_in("csb"), mark=MARK) as till:
        story = Story(db, town, desk, till, say)
        try:
            story.find_people()
        except Refusal:
            say("这个数据库里没有演示城市。请用空的数据目录运行 python3 dev.py run，演示城市会自动装入。")
            return 2
        story.make_ready()
        story.authorised()
        story.at_the_pharmacy()
        paid, bill, msgid, raw = story.at_the_hospital()
        story.why(paid)
        story.again(bill, msgid, raw)
        story.money_back(paid)
        return story.ends()


@dataclass(slots=True)
class Story:
    """The steps, in the order in which they are told."""

    db: Database
    town: City
    desk: Client
    till: Client
    say: Say
    refs: dict[str, PersonRef] = field(default_factory=dict)
    standing: str = ""
    step: int = 0

    def run(self, work: Callable[[Tx], Any]) -> Any:
        """A transaction at this moment."""
        return commands.alone(self.db, work, at=wall_clock(), by=BY)

    def title(self, text: str) -> None:
        """A step begins."""
        self.step += 1
        self.say("")
        self.say(f"【{self.step}】{text}")

    def tell(self, *rows: tuple[str, object]) -> None:
        """Rows of a word and what is behind it, aligned."""
        for word, text in rows:
            self.say(f"  {padded(word, WORDS)}{text}")

    def find_people(self) -> None:
        """Who is in the story; refuses a database without them."""
        people = self.town.people

        def work(tx: Tx) -> dict[str, PersonRef]:
            return {key: enrolment.find(tx, "01", people[key].number, True) for key in (FATHER, DAUGHTER, SON)}

        self.refs = self.run(work)

    def name(self, key: str) -> str:
        """A person's made-up name, whole: nobody real is behind it."""
        return self.town.people[key].name

    def holds(self, key: str) -> Fen:
        """What a person's own account holds."""
        ref = self.refs[key]
        with self.db.reading(wall_clock(), BY) as tx:
            return statement.balances(tx, ref.book, ref.id).get(chart.OWN, 0)

    def make_ready(self) -> None:
        """Return what an earlier run left standing, and see that there is money to tell about."""
        self.say("医保家庭演示 · 扣谁的钱？（人、机构、金额都是演示数据）")
        father = self.refs[FATHER]
        with self.db.reading(wall_clock(), BY) as tx:
            rows = tx.all(city.SQL.left_standing, book=father.book, person=father.id, mark=MARK)
        for row in rows:
            number = refs.show(refs.SETTLEMENT, row["id"])
            paid = {"setl_id": number, "mdtrt_id": refs.show(refs.VISIT, row["visit"]), "psn_no": father.number}
            at_desk = row["institution"] == HOSPITAL
            (self.desk if at_desk else self.till).refund(paid, infno="2208" if at_desk else "2103")
            self.say(f"  上一次演示留下的结算 {number}（{yuan(row['total'])} 元）先退掉，钱和全年限额都回到原处")
        for key, least in KEPT.items():
            self.top_up(key, least)

    def top_up(self, key: str, least: Fen) -> None:
        """Made-up money where the account holds less than the story needs."""
        missing = least - self.holds(key)
        if missing <= 0:
            return
        ref, region = self.refs[key], self.town.people[key].enrolment.region
        self.run(lambda tx: city.credit(tx, ref, region, chart.OWN, missing))
        self.say(f"  {self.name(key)}的个人账户不足 {yuan(least)} 元，补入演示金额 {yuan(missing)} 元")

    def authorised(self) -> None:
        """Who lets whom spend what."""
        self.title("家人")
        self.tell(("父亲", f"{self.name(FATHER)}，退休，个人账户 {yuan(self.holds(FATHER))} 元"))
        for word, key, whose in (("女儿", DAUGHTER, "她"), ("儿子", SON, "他")):
            given = next(row for row in self.town.authorisations if (row.giver, row.receiver) == (key, FATHER))
            cap = f"，每次最多 {yuan(given.terms.settlement_cap)} 元" if given.terms.settlement_cap is not None else ""
            self.tell((word, f"{self.name(key)}，{given.bound} 起授权父亲使用{whose}的个人账户{cap}"))
        self.tell(("亲情账户", "女儿的手机可以出示父亲的医保码；这只是出示，不动女儿的钱"))

    def code(self) -> str:
        """A fresh code of the father's on the daughter's phone."""
        father, daughter = self.refs[FATHER], self.refs[DAUGHTER]
        made: credential.Code = self.run(lambda tx: credential.issue(tx, library(), father, daughter, sandbox=True))
        self.tell(("女儿出示", f"{made.digits[:6]}{'*' * 18}{made.digits[-4:]}（父亲的医保码，一分钟内有效，只能用一次）"))
        return made.digits

    def scanned(self, client: Client) -> Certificate:
        """The code is shown and read."""
        certificate, data = client.decode(self.code())
        token = certificate.number
        self.tell(("扫码 1162", f"{data['userName']}，凭证 {token[:8]}…{token[-4:]}"))
        return certificate

    def lines(self, goods: Sequence[tuple[str, int]]) -> list[Line]:
        """Bill lines at the city's prices."""
        return [Line(code, self.town.items[code].price, count, self.town.items[code].name) for code, count in goods]

    def shows(self, lines: Sequence[Line]) -> None:
        """The bill as it is read out."""
        left = max(width(line.name) for line in lines)
        for line in lines:
            self.say(f"    {padded(line.name, left)} ×{line.count}  {yuan(line.fen):>8}")

    def paid(self, info: Info, word: str) -> None:
        """An answer in one row: who pays how much."""
        parts = (
            ("基金", info["fund_pay_sumamt"]),
            ("本人账户", info["acct_pay"] - info["acct_mulaid_pay"]),
            ("家人账户", info["acct_mulaid_pay"]),
            ("现金", info["psn_cash_pay"]),
        )
        told = " + ".join(f"{who} {amount}" for who, amount in parts)
        self.tell((word, f"{info['medfee_sumamt']} = {told}"))

    def at_the_pharmacy(self) -> None:
        """2101, 2102: a purchase, which is left standing for `mulaid explain`."""
        self.title(f"药店：{self.town.places[PHARMACY].name}（连接方式 CSB）")
        certificate, lines = self.scanned(self.till), self.lines(AT_THE_PHARMACY)
        self.shows(lines)
        number = self.refs[FATHER].number
        self.paid(self.till.preview_purchase(number, certificate, lines).paid, "预结算 2101")
        info = self.till.buy(number, certificate, lines).paid
        self.paid(info, "结算 2102")
        self.standing = info["setl_id"]
        self.tell(("结算单", self.standing))

    def at_the_hospital(self) -> tuple[Info, Bill, str, bytes]:
        """1101, 2201, 2203, 2204, 2206, 2207: a visit, from the desk to the till."""
        self.title(f"医院：{self.town.places[HOSPITAL].name}（连接方式 MULAID1 签名）")
        certificate = self.scanned(self.desk)
        person = self.desk.person(certificate)
        base, insured = person["baseinfo"], person["insuinfo"][0]
        insured_at = f"参保地 {insured['insuplc_admdvs']}，本人账户 {insured['balc']} 元"
        self.tell(("查人 1101", f"{base['psn_name']}，{base['age']} 岁，{insured_at}"))
        visit = self.desk.register(base["psn_no"], certificate, self.desk.new_msgid()[-12:])
        self.tell(("挂号 2201", visit.id))
        self.desk.report(visit, "E11.900", "2型糖尿病", "内分泌科")
        self.tell(("诊断 2203", "E11.900 2型糖尿病"))
        lines = self.lines([*AT_THE_HOSPITAL, (FILLING, self.packs())])
        bill, split = self.desk.upload(visit, lines)
        inside = sum((row["inscp_scp_amt"] for row in split), Decimal(0))
        self.tell(("明细 2204", f"{len(lines)} 行，共 {yuan(bill.total)} 元，其中 {inside} 元在报销范围内"))
        self.shows(lines)
        self.paid(self.desk.preview(bill).paid, "预结算 2206")
        msgid = self.desk.new_msgid()
        answer = self.desk.settle(bill, msgid=msgid)
        self.paid(answer.paid, "结算 2207")
        return answer.paid, bill, msgid, answer.raw

    def packs(self) -> int:
        """So many that the father's account and the daughter's share run out and the son is asked too."""
        price = self.town.items[FILLING].price
        return (self.holds(FATHER) + 100_00) // price + 1

    def why(self, paid: Info) -> None:
        """The split by payer and rule, from what was stored."""
        self.title("扣了谁的钱，依据哪一条规则")
        with self.db.reading(wall_clock(), BY) as tx:
            found = told.told(tx, paid["setl_id"])
        for line in (*told.table(found.payers, found.total), "", *told.reasons(found.lines)):
            self.say(line)
        for caution in found.cautions:
            self.say(f"  · {caution}")

    def again(self, bill: Bill, msgid: str, raw: bytes) -> None:
        """The same message again gets the stored answer."""
        self.title("网络断了，医院用同一个流水号再发一次 2207")
        same = self.desk.settle(bill, msgid=msgid).raw == raw
        self.tell(("应答", f"与第一次逐字节相同（{len(raw)} 字节），没有再扣钱" if same else "与第一次不同！"))
        if not same:
            raise NoAnswer("同一流水号得到了不同的应答")

    def money_back(self, paid: Info) -> None:
        """2208: every part goes back to where it came from."""
        self.title("退费 2208")
        before = {key: self.holds(key) for key in KEPT}
        self.paid(self.desk.refund(paid).paid, "退回")
        for word, key in (("父亲", FATHER), ("女儿", DAUGHTER), ("儿子", SON)):
            now = self.holds(key)
            self.tell((word, f"{yuan(before[key])} → {yuan(now)}，回来 {yuan(now - before[key])} 元"))

    def ends(self) -> int:
        """The books, and where to go on."""
        self.title("账平不平")
        with self.db.reading(wall_clock(), BY) as tx:
            found = list(faults(tx))
        for fault in found:
            self.say(f"  {fault}")
        if not found:
            self.say("  所有账本借贷相抵，余额等于明细之和，每一笔决定都能分毫不差地重算出来")
        self.say("")
        self.say(f"药店的那一笔还留着。想知道它为什么这样付：mulaid explain {self.standing}")
        return 1 if found else 0


def show_code(settings: Settings, number: str, shown_by: str, say: Say) -> int:
    """Print a fresh code of a person, shown by that person or by a relative with a family account: what a phone would show.

    Refuses a production profile, numbers nobody has, and a relative who is not bound.
    """
    if not settings.allows_test_people:
        raise Refusal("credential.not_here")
    by = Actor("phone", "cli")

    def work(tx: Tx) -> credential.Code:
        member = enrolment.find(tx, identity.RESIDENT, number, settings.allows_test_people)
        presenter = enrolment.find(tx, identity.RESIDENT, shown_by, settings.allows_test_people) if shown_by else member
        return credential.issue(tx, library(), member, presenter, sandbox=True)

    with opened(settings) as db:
        code: credential.Code = commands.alone(db, work, at=wall_clock(), by=by)
    say(code.digits)
    say(f"演示医保码，{stamp(code.expires_at)} 前有效，只能用一次；用 1162 或 localQrCodeQuery 解码。")
    return 0

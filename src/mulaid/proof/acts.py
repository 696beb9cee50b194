"""What people of the simulated city do, one function an act: each True when it was done, False when nobody was there to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from mulaid.calendar import business_date
from mulaid.client import ID_CARD, Bill, Certificate, Line
from mulaid.db import Tx
from mulaid.ledger import chart
from mulaid.people import aid, binding, credential, endings, enrolment, face, family, filings, household, standing, wallet
from mulaid.people.aid import Terms
from mulaid.people.binding import Claim
from mulaid.people.enrolment import RESIDENTS, PersonRef
from mulaid.people.face import Assurance, FaceOutcome, FaceSession, Result
from mulaid.people.kinship import Kinship
from mulaid.proof.life import Act, Bought, Life, Shop, Soul, Stay
from mulaid.refusal import Refusal
from mulaid.settlement import premium
from mulaid.settlement.premium import Order

COUNTER = "counter"


def employee(soul: Soul) -> bool:
    """Whether somebody has an account."""
    return soul.base != "resident"


def pair(life: Life, *, elsewhere: bool = False) -> tuple[Soul, Soul, str] | None:
    """Somebody with an account and a living relative, who is the third to the first; `elsewhere`: in another province."""
    giver = life.pick(employee)
    if giver is None:
        return None
    kin = [(other, word) for other, word in giver.kin if other.alive]
    if elsewhere:
        kin = [(other, word) for other, word in kin if other.region[:2] != giver.region[:2]]
    return (giver, *life.chance.choice(kin)) if kin else None


def owner(life: Life, look: Callable[[Tx, PersonRef], Sequence[Any]]) -> tuple[Soul, Any] | None:
    """Somebody who has what is looked for, and one of it, if a few tries find one."""
    for _ in range(20):
        soul = life.pick()
        found = life.run(partial(_look, look=look, soul=soul)) if soul else []
        if soul and found:
            return soul, life.chance.choice(found)
    return None


def _look(tx: Tx, look: Callable[[Tx, PersonRef], Sequence[Any]], soul: Soul) -> Sequence[Any]:
    return look(tx, soul.ref)


# At institutions


def shop_for(life: Life, soul: Soul, *, pharmacy: bool) -> Shop:
    """Where somebody is today."""
    return life.chance.choice([shop for shop in life.shops[life.region_today(soul)] if shop.pharmacy == pharmacy])


def lines(life: Life, most: int = 4, dearest: int = 600_00) -> list[Line]:
    """A few items at prices to the fen."""
    weighted = ("A", "A", "A", "B", "B10", "LIMITED", "OUT", "BEAUTY", "VACCINE", "UNKNOWN")
    some = life.chance.randint(1, most)
    return [
        Line(life.chance.choice(weighted), life.chance.randint(1, dearest), life.chance.choice((1, 1, 1, 3))) for _ in range(some)
    ]


def certificate(life: Life, shop: Shop, soul: Soul) -> Certificate:
    """The card, or a code shown by the person or by whoever is bound to."""
    if life.chance.random() < 0.6:
        return Certificate(ID_CARD, soul.number)
    presenter = soul.ref
    if life.chance.random() < 0.4:
        binders = [bond.binder for bond in life.run(lambda tx: family.binders(tx, soul.ref))]
        there = [other.ref for other in life.souls if other.ref in binders and life.region_today(other) == shop.place.region]
        presenter = life.chance.choice(there) if there else presenter
    elif soul.kin and life.chance.random() < 0.05:  # a relative who is not bound, or no longer
        presenter = life.chance.choice(soul.kin)[0].ref
    given = [one.id for one in life.run(lambda tx: aid.received(tx, soul.ref))]
    chosen = life.chance.choice(given) if given and life.chance.random() < 0.5 else None
    code = life.run(lambda tx: credential.issue(tx, life.packs, soul.ref, presenter, sandbox=True, chosen=chosen))
    return shop.client.decode(code.digits)[0]


def visits(life: Life) -> bool:
    """Outpatient care; sometimes looked at before, sometimes sent twice because the answer seemed lost."""
    soul = life.pick()
    if soul is None:
        return False
    shop = shop_for(life, soul, pharmacy=False)
    client, shown = shop.client, certificate(life, shop, soul)
    place = client.register(soul.ref.number, shown, "1")
    bill, _ = client.upload(place, lines(life))
    accounts = life.chance.random() < 0.95
    foretold = client.preview(bill, use_accounts=accounts).paid if life.chance.random() < 0.3 else None
    msgid = client.new_msgid()
    answer = client.settle(bill, use_accounts=accounts, msgid=msgid)
    if foretold is not None and foretold["psn_cash_pay"] != answer.paid["psn_cash_pay"]:
        life.fail(f"foretold {foretold['psn_cash_pay']}, settled {answer.paid['psn_cash_pay']}")
    if life.chance.random() < 0.1 and client.settle(bill, use_accounts=accounts, msgid=msgid).raw != answer.raw:
        life.fail(f"{msgid} sent again was answered otherwise")
    life.bought.append(Bought(shop, soul, "2207", "2208", msgid, answer.paid))
    return True


def buys(life: Life) -> bool:
    """At a pharmacy."""
    soul = life.pick()
    if soul is None:
        return False
    shop = shop_for(life, soul, pharmacy=True)
    msgid = shop.client.new_msgid()
    paid = shop.client.buy(soul.ref.number, certificate(life, shop, soul), lines(life, 3, 120_00), msgid).paid
    life.bought.append(Bought(shop, soul, "2102", "2103", msgid, paid))
    return True


def is_admitted(life: Life) -> bool:
    """A stay begins."""
    soul = life.pick()
    if soul is None:
        return False
    shop = shop_for(life, soul, pharmacy=False)
    stay = shop.client.admit(soul.ref.number, certificate(life, shop, soul), "1")
    until = business_date(life.now) + timedelta(days=life.chance.randint(1, 8))
    life.stays.append(Stay(shop, soul, stay, until))
    return True


def is_treated(life: Life) -> bool:
    """Bill lines of a stay; now and then a part of it is settled before the end, as long as the patient lies there."""
    if not life.stays:
        return False
    stay = life.chance.choice(life.stays)
    bill = stay.shop.client.use(stay.visit, lines(life, 6, 4_000_00))
    stay.total += bill.total
    if life.chance.random() < 0.15:
        settles_stay(life, stay, replace(bill, total=stay.total), part=True)
    return True


def settles_stay(life: Life, stay: Stay, bill: Bill, *, part: bool) -> None:
    """What is not settled yet, at the card: a code shown at admission may have run out."""
    client, msgid = stay.shop.client, stay.shop.client.new_msgid()
    at_card = replace(bill, visit=replace(stay.visit, certificate=Certificate(ID_CARD, stay.soul.number)))
    foretold = client.preview_stay(at_card).paid
    paid = client.settle_stay(at_card, part=part, msgid=msgid).paid
    if foretold["psn_cash_pay"] != paid["psn_cash_pay"]:
        life.fail(f"of a stay {foretold['psn_cash_pay']} was foretold, {paid['psn_cash_pay']} settled")
    life.bought.append(Bought(stay.shop, stay.soul, "2304", "2305", msgid, paid))
    stay.total = 0


def leaves_hospital(life: Life) -> bool:
    """Discharge and settlement of whose day has come."""
    over = next((stay for stay in life.stays if stay.until <= business_date(life.now)), None)
    if over is None:
        return False
    life.stays.remove(over)
    bill = over.shop.client.use(over.visit, lines(life, 3, 900_00))
    over.shop.client.discharge(over.visit)
    settles_stay(life, over, replace(bill, total=over.total + bill.total), part=False)
    return True


def refunds(life: Life) -> bool:
    """A settlement goes back; when it has gone back before, that is refused."""
    if not life.bought:
        return False
    one = life.chance.choice(life.bought)
    one.shop.client.refund(one.paid, infno=one.refund)
    return True


def takes_back(life: Life) -> bool:
    """An institution whose answer was lost undoes what it does not know of, twice."""
    if not life.bought:
        return False
    one = life.chance.choice(life.bought)
    one.shop.client.take_back(one.soul.ref.number, one.infno, one.msgid)
    one.shop.client.take_back(one.soul.ref.number, one.infno, one.msgid)
    return True


# Family accounts


def binds(life: Life) -> bool:
    """The whole way of a request: asked, register, papers, consent or face, review."""
    binder = life.pick(lambda soul: bool(soul.kin) and soul.born.year < 2005)
    if binder is None:
        return False
    member, relation = life.chance.choice(binder.kin)
    claim = Claim("id_number", relation, member.name, number=member.number)
    request: UUID = life.run(lambda tx: binding.ask(tx, life.packs, binder.ref, claim, allow_test_area=True))
    for _ in range(6):
        found = life.run(lambda tx: binding.standing(tx, life.packs, request, binder.ref))
        if found.state == "bound":
            return True
        _next_step(life, request, binder, found)
    life.fail(f"a request to bind came to no end, it is {found.state}")
    return False


def _next_step(life: Life, request: UUID, binder: Soul, found: Any) -> None:
    packs = life.packs
    if found.state == "asked":
        known = life.chance.choice((Kinship.CONFIRMED, Kinship.CONFIRMED, Kinship.UNKNOWN))
        life.run(lambda tx: binding.kinship_known(tx, packs, request, binder.ref, known))
    elif found.state == "review":
        life.run(lambda tx: binding.approve(tx, packs, request, seen=True), COUNTER)
    else:
        letters = life.run(lambda tx: binding.letters(tx, packs, request, binder.ref))
        if found.state == "papers":
            names = [name for name in found.needs if name != "promise_letter"]
            pictures = {name: [_picture(life) for _ in range(found.needs[name])] for name in names}
            life.run(lambda tx: binding.submit(tx, packs, request, binder.ref, letters[0].hash, pictures))
        elif found.state == "consent":
            life.run(lambda tx: binding.agree(tx, packs, request, binder.ref, letters[0].hash))
        else:
            _show_face(life, request, binder, letters)


def _picture(life: Life) -> UUID:
    return UUID(int=life.chance.getrandbits(128), version=4)


def _show_face(life: Life, request: UUID, asker: Soul, letters: Sequence[Any]) -> None:
    asked = life.run(lambda tx: binding.begin_face(tx, life.packs, request, asker.ref, letters[1].hash))
    reference = f"life-{asked.tx_id}"
    until = life.now + timedelta(minutes=20)
    session = FaceSession("sandbox", Assurance.SANDBOX, reference, "https://face.example/x", until)
    outcome = FaceOutcome(reference, Result.PASSED, reported_number=asked.subject.number, live=True, matched=True)
    life.run(lambda tx: face.sent(tx, asker.ref, asked.check, session))
    life.run(lambda tx: face.finish(tx, asker.ref, asked.check, outcome))
    life.run(lambda tx: binding.prove(tx, life.packs, request, asker.ref, asked.check, letters[0].hash))


def bond_of(life: Life) -> tuple[Soul, Any] | None:
    """Somebody who is bound to a relative, and the bond."""
    return owner(life, lambda tx, ref: family.members(tx, ref))


def unbinds(life: Life) -> bool:
    """Either side ends it."""
    found = bond_of(life)
    if found is None:
        return False
    binder, bond = found
    who = life.chance.choice((binder.ref, bond.member))
    life.run(lambda tx: family.part(tx, life.packs, bond.id, who))
    return True


def disputes(life: Life) -> bool:
    """A member says it was not them: the bond rests, and is let go on when it rested."""
    found = bond_of(life)
    if found is None:
        return False
    if found[1].halted == "dispute":
        life.run(lambda tx: family.resume(tx, found[1].id), COUNTER)
    else:
        life.run(lambda tx: family.suspend(tx, found[1].id, "不是本人"), COUNTER)
    return True


# Mutual aid


def _terms(life: Life) -> Terms:
    def maybe(most: int, odds: float = 0.3) -> int | None:
        return life.chance.randint(1, most) if life.chance.random() < odds else None

    uses = life.chance.choice((None, None, None, ("outpatient", "pharmacy"), ("outpatient", "inpatient", "premium_resident")))
    today = business_date(life.now)
    return Terms(
        quota=maybe(3_000_00),
        settlement_cap=maybe(500_00),
        valid_to=today + timedelta(days=life.chance.choice((0, 5, 20, 400))) if life.chance.random() < 0.3 else None,
        uses=uses,
        month_cap=maybe(600_00),
        year_cap=maybe(2_000_00),
        reserve=maybe(900_00) or 0,
        valid_from=today + timedelta(days=3) if life.chance.random() < 0.1 else None,
    )


def authorises(life: Life) -> bool:
    """A giver opens an authorisation; who is asked says yes or no, and where the agency reviews it, it does."""
    found = pair(life)
    if found is None:
        return False
    (giver, receiver, relation), terms, packs = found, _terms(life), life.packs
    letter = life.run(lambda tx: aid.promise(tx, packs, giver.ref, receiver.ref, relation, terms))
    invite = life.chance.random() < 0.2
    made: UUID = life.run(
        lambda tx: aid.offer(tx, packs, giver.ref, receiver.ref, relation, terms, agreed=letter.hash, invite=invite),
        life.chance.choice(("mini", COUNTER)),
    )
    waits = life.run(lambda tx: aid.find(tx, made)).waits_for
    if waits == "receiver" and life.chance.random() < 0.8:
        if life.chance.random() < 0.2:
            life.run(lambda tx: aid.decline(tx, made, receiver.ref))
            return True
        waits = life.run(lambda tx: aid.accept(tx, packs, made, receiver.ref)).waits_for
    if waits == "agency":
        say = life.chance.random() < 0.9
        life.run(lambda tx: aid.approve(tx, packs, made) if say else aid.refuse(tx, made, "材料不符"), COUNTER)
    return True


def aid_of(life: Life) -> tuple[Soul, aid.Aid] | None:
    """Somebody who gives, and one living authorisation."""
    return owner(life, lambda tx, ref: aid.given(tx, ref))


def changes_terms(life: Life) -> bool:
    """Other limits."""
    found = aid_of(life)
    if found is None:
        return False
    giver, one = found
    terms = replace(_terms(life), valid_from=None)
    life.run(lambda tx: aid.change(tx, life.packs, one.id, giver.ref, one.version, terms))
    return True


def pauses(life: Life) -> bool:
    """Held back, or let go on."""
    found = aid_of(life)
    if found is None:
        return False
    giver, one = found
    life.run(lambda tx: aid.pause(tx, one.id, giver.ref, one.version, paused=not one.paused))
    return True


def arranges(life: Life) -> bool:
    """A receiver sets the order among givers, for the most part where receivers may."""
    for _ in range(10):
        found = aid_of(life)
        if found is None:
            return False
        receiver = found[1].receiver
        region = next(soul.region for soul in life.souls if soul.ref == receiver)
        if life.packs.in_force(region, business_date(life.now))["authoriser_order"] == "user_rank":
            break
    order = [one.id for one in life.run(lambda tx: aid.received(tx, receiver))]
    life.chance.shuffle(order)
    life.run(lambda tx: aid.arrange(tx, life.packs, receiver, order))
    return True


def releases(life: Life) -> bool:
    """Either side ends an authorisation, where the region lets it; else a counter does now and then."""
    found = aid_of(life)
    if found is None:
        return False
    giver, one = found
    if life.chance.random() < 0.3:
        life.run(lambda tx: aid.end(tx, one.id), COUNTER)
    else:
        who = life.chance.choice((giver.ref, one.receiver))
        life.run(lambda tx: aid.stop(tx, life.packs, one.id, who))
    return True


# Household accounts and quotas


def pools(life: Life, soul: Soul) -> bool:
    """Whether somebody lives where mutual aid is a household account."""
    return bool(life.packs.in_force(soul.region, business_date(life.now))["mutual_aid_mode"] == "pool")


def funds_pool(life: Life) -> bool:
    """A household account is opened where there is none, joined by relatives, and money is moved into it."""
    head = life.pick(lambda soul: employee(soul) and pools(life, soul))
    if head is None:
        return False
    mine = life.run(lambda tx: household.of(tx, head.ref))
    if mine is None:
        made: UUID = life.run(lambda tx: household.open_household(tx, life.packs, head.ref))
        mine = life.run(lambda tx: household.find(tx, made))
    if mine.head == head.ref and head.kin:
        other, relation = life.chance.choice(head.kin)
        try:
            life.run(lambda tx: household.add_member(tx, life.packs, mine.ref, head.ref, other.ref, relation))
        except Refusal as refusal:
            life.refused["adds_to_pool", refusal.code] += 1
    fen = life.chance.randint(1, 2_000_00)
    life.run(lambda tx: household.transfer(tx, life.packs, mine.ref, head.ref, fen))
    return True


def leaves_pool(life: Life) -> bool:
    """A member goes, is let go, or the head closes it all."""
    soul = life.pick(lambda one: pools(life, one))
    mine = life.run(lambda tx: household.of(tx, soul.ref)) if soul else None
    if soul is None or mine is None:
        return False
    if mine.head == soul.ref:
        life.run(lambda tx: household.close(tx, life.packs, mine.ref, soul.ref), COUNTER)
    elif life.chance.random() < 0.5:
        life.run(lambda tx: household.remove_member(tx, life.packs, mine.ref, mine.head, soul.ref))
    else:
        life.run(lambda tx: household.leave(tx, life.packs, mine.ref, soul.ref))
    return True


def freezes(life: Life) -> bool:
    """A quota for a relative in another province."""
    found = pair(life, elsewhere=True)
    if found is None:
        return False
    giver, receiver, relation = found
    until = business_date(life.now) + timedelta(days=9) if life.chance.random() < 0.3 else None
    fen = life.chance.randint(1, 1_500_00)
    life.run(lambda tx: wallet.freeze(tx, life.packs, giver.ref, receiver.ref, relation, fen, valid_to=until))
    return True


def changes_quota(life: Life) -> bool:
    """More, less, or an end by either side."""
    found = owner(life, lambda tx, ref: wallet.given(tx, ref))
    if found is None:
        return False
    giver, one = found
    if life.chance.random() < 0.5:
        fen = life.chance.randint(1, 2_000_00)
        life.run(lambda tx: wallet.change(tx, life.packs, one.id, giver.ref, one.version, fen))
    else:
        who = life.chance.choice((giver.ref, one.receiver))
        life.run(lambda tx: wallet.stop(tx, one.id, who))
    return True


# Premiums


def pays_premium(life: Life) -> bool:
    """For oneself, or by an authorisation for a resident relative; next year's, or with the year begun this year's."""
    scheme = life.chance.choice(("resident",) * 6 + ("ltc", "city_supplement"))
    if scheme == "resident":
        found = owner(life, _residents_given_to)
        if found is None:
            return False
        payer, person = found[0].ref, found[1]
    else:
        soul = life.pick(employee)
        if soul is None:
            return False
        payer = person = soul.ref
    year = business_date(life.now + timedelta(days=31)).year
    life.run(lambda tx: premium.pay(tx, life.packs, Order(payer, person, scheme, year)))
    return True


def _residents_given_to(tx: Tx, ref: PersonRef) -> list[PersonRef]:
    """Resident relatives whose premium somebody's authorisations may pay."""
    given = [one.receiver for one in aid.given(tx, ref) if "premium_resident" in one.uses]
    newest = {one: enrolment.newest(tx, one, business_date(tx.at)) for one in given}
    return [one for one, known in newest.items() if known is not None and known.scheme == RESIDENTS]


def returns_premium(life: Life) -> bool:
    """A premium is given back, which it may be before its year."""
    found = owner(life, lambda tx, ref: premium.given_by(tx, ref))
    if found is None:
        return False
    payer, one = found
    life.run(lambda tx: premium.refund(tx, life.packs, one["id"], payer.ref))
    return True


# What life brings


def dies(life: Life) -> bool:
    """A death, and some days later somebody comes for the account."""
    soul = life.pick(lambda one: one.born.year < 1962)
    if soul is None:
        return False
    on = business_date(life.now) - timedelta(days=life.chance.choice((0, 0, 1, 2)))
    life.run(lambda tx: standing.died(tx, life.packs, soul.ref, on), COUNTER)
    soul.alive, soul.died_on = False, on
    return True


def inherits(life: Life) -> bool:
    """What is left of a dead person's account goes to heirs' accounts, the rest is paid out."""
    dead = [soul for soul in life.souls if not soul.alive]
    if not dead:
        return False
    soul = life.chance.choice(dead)
    left = sum(fen for kind, fen in life.balances(soul).items() if kind in (chart.OWN, chart.CURRENT_YEAR, chart.WALLET))
    heirs = [other for other, _ in soul.kin if other.alive and employee(other)]
    given = {life.chance.choice(heirs).ref: left // 2} if heirs and left > 1 else {}
    life.run(lambda tx: endings.pay_out(tx, life.packs, soul.ref, endings.DEATH, given), COUNTER)
    return True


def spends_of_the_dead(life: Life) -> bool:
    """Somebody goes on shopping with the card of a person who has died; nobody may let them."""
    dead = [soul for soul in life.souls if not soul.alive and soul.died_on < business_date(life.now)]
    if not dead:
        return False
    soul = life.chance.choice(dead)
    shop = shop_for(life, soul, pharmacy=True)
    paid = shop.client.buy(soul.ref.number, Certificate(ID_CARD, soul.number), lines(life, 3, 120_00)).paid
    life.fail(f"{paid['acct_pay']} was taken from the account of somebody who died on {soul.died_on}")
    return False


def moves(life: Life) -> bool:
    """The insurance goes to another region."""
    soul = life.pick()
    if soul is None:
        return False
    region = life.chance.choice(life.regions)
    life.run(lambda tx: standing.move(tx, life.packs, soul.ref, region, business_date(life.now)), COUNTER)
    soul.region = region
    return True


def stops_paying(life: Life) -> bool:
    """A suspension, an end, or a move out of the system."""
    soul = life.pick()
    if soul is None:
        return False
    what = life.chance.choice((standing.suspend, standing.suspend, standing.suspend, standing.end, standing.leave))
    life.run(lambda tx: what(tx, life.packs, soul.ref, business_date(life.now)), COUNTER)
    soul.stopped = True
    return True


def pays_again(life: Life) -> bool:
    """Who was suspended is insured again, at once or after a wait; who is a resident or out begins to work."""
    today = business_date(life.now)
    soul = next((one for one in life.souls if one.stopped and one.alive and one.born.year > 1964), None)
    soul = soul if soul and life.chance.random() < 0.8 else life.pick(lambda one: 1964 < one.born.year < 2009)
    if soul is None:
        return False
    soul.stopped = False
    now = life.run(lambda tx: enrolment.newest(tx, soul.ref, today))
    if now is not None and now.status == "suspended":
        life.run(lambda tx: standing.resume(tx, life.packs, soul.ref, today, back_paid=0), COUNTER)
    else:
        life.run(lambda tx: standing.start_work(tx, life.packs, soul.ref, soul.region, today, wage_base=6_000_00), COUNTER)
        soul.base = "active"
    return True


def retires(life: Life) -> bool:
    """Work ends and the insurance goes on."""
    soul = life.pick(lambda one: one.base == "active" and one.born.year < 1976)
    if soul is None:
        return False
    today = business_date(life.now)

    def work(tx: Tx) -> None:
        now = enrolment.enrolled(tx, soul.ref, today)
        retired = replace(now, base="retired", psn_type="", retired_on=today, valid_from=None, wage_base=None)
        enrolment.enrol(tx, soul.ref, retired, today)

    life.run(work, COUNTER)
    soul.base = "retired"
    return True


def kinship_ends(life: Life) -> bool:
    """A divorce."""
    soul = life.pick(lambda one: any(word == "spouse" for _, word in one.kin))
    if soul is None:
        return False
    other = next(one for one, word in soul.kin if word == "spouse")
    life.run(lambda tx: standing.kinship_ended(tx, life.packs, soul.ref, other.ref, business_date(life.now)), COUNTER)
    soul.kin = [(one, word) for one, word in soul.kin if one is not other]
    other.kin = [(one, word) for one, word in other.kin if one is not soul]
    return True


def files_away(life: Life) -> bool:
    """Care away from home is filed."""
    soul = life.pick()
    if soul is None:
        return False
    kind = life.chance.choice(("long_term", "referral", "emergency", "other"))
    region = life.chance.choice(life.regions)
    papers = [_picture(life)]
    life.run(lambda tx: filings.file(tx, life.packs, soul.ref, kind, region, "随子女居住", evidence=papers))
    return True


ACTS: Mapping[str, tuple[Act, float]] = {
    "visits": (visits, 34),
    "buys": (buys, 22),
    "is_admitted": (is_admitted, 3),
    "is_treated": (is_treated, 5),
    "leaves_hospital": (leaves_hospital, 4),
    "refunds": (refunds, 6),
    "takes_back": (takes_back, 1.5),
    "binds": (binds, 4),
    "unbinds": (unbinds, 1),
    "disputes": (disputes, 0.8),
    "authorises": (authorises, 12),
    "changes_terms": (changes_terms, 3),
    "pauses": (pauses, 2),
    "arranges": (arranges, 1),
    "releases": (releases, 1.5),
    "funds_pool": (funds_pool, 3),
    "leaves_pool": (leaves_pool, 1),
    "freezes": (freezes, 6),
    "changes_quota": (changes_quota, 2),
    "pays_premium": (pays_premium, 10),
    "returns_premium": (returns_premium, 2),
    "dies": (dies, 0.8),
    "inherits": (inherits, 1),
    "spends_of_the_dead": (spends_of_the_dead, 1),
    "moves": (moves, 1.5),
    "stops_paying": (stops_paying, 2),
    "pays_again": (pays_again, 2),
    "retires": (retires, 0.7),
    "kinship_ends": (kinship_ends, 0.7),
    "files_away": (files_away, 1.5),
}
"""Everything people do, each with how often a day among 1,000 of them."""

"""The other transports: HMAC-SM3, API keys, OAuth with SM2 and SM4, `cainfo`, sealed envelopes; limits; dialects of answers."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

from city import SHANGHAI, City
from door import SECRET, contents, refused, registers
from mulaid import sm2
from mulaid.db import Database, process_url
from mulaid.gateway.dialect import dress, profiles
from mulaid.people import family
from test_gateway_records import asks, told_no

pytestmark = pytest.mark.skipif(not sm2.available(), reason="this machine's libcrypto has no SM2")

SIGN_IN = {"signIn": {"opter_no": "1"}}
PRIVATE = sm2.private_from(hashlib.sha256(b"a client").digest())
PUBLIC = sm2.public_of(PRIVATE)
NEXT = sm2.private_from(hashlib.sha256(b"its next key").digest())


@pytest.fixture(scope="module")
def town(cluster: Any) -> Iterator[City]:
    """One city for all transports."""
    url = cluster.fresh()
    database = Database(url, cluster.keys, size=4)
    city = City(database, process_url(url, "mulaid_gateway", embedded=True), cluster.keys)
    yield city
    city.close()
    database.close()
    cluster.drop(url)


@pytest.fixture(autouse=True)
def _fresh(town: City) -> Iterator[None]:
    """No test meets what another one's connections left in the register."""
    town.gateway.register._kept.clear()
    yield
    town.gateway.register._kept.clear()


def whole(infno: str = "9001", given: Any = None, at: str = "H1", **more: Any) -> dict[str, Any]:
    """A message."""
    given = SIGN_IN if given is None else given
    return {"infno": infno, "msgid": secrets.token_hex(15), "fixmedins_code": at, "opter": "001", "input": given, **more}


def sent(city: City, message: Mapping[str, Any] | bytes, headers: dict[str, str] | None = None, path: str = "/fsi/api") -> Any:
    body = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
    status, raw = city.post(body, path=path, headers=headers)
    return {"status": status[:3], **json.loads(raw, parse_float=Decimal)}


def is_in(answer: Mapping[str, Any]) -> None:
    assert (answer["status"], answer["infcode"]) == ("200", 0), answer


def is_out(answer: Mapping[str, Any], code: str = "auth.refused") -> None:
    assert answer["status"] == "401", answer
    assert answer["message"].endswith(f"〔{code}〕")


# HMAC-SM3


def ca_headers(name: str, body: bytes, at: datetime, secret: bytes = SECRET) -> dict[str, str]:
    """Written from its description and not with the gateway's own functions."""
    signed = str(int(at.timestamp()))
    mac = HMAC(secret, hashes.SM3())
    mac.update(signed.encode() + b"\n" + body)
    return {"x-ca-key": name, "x-ca-signature": f"{signed}:{mac.finalize().hex().upper()}"}


def test_hmac_sm3_covers_the_body_and_has_its_window(town: City) -> None:
    name = registers(town, "H1", "hmac-sm3", "zhejiang", next_secret=b"the next secret")
    body = json.dumps(whole()).encode()
    is_in(sent(town, body, ca_headers(name, body, town.now)))
    is_in(sent(town, body, ca_headers(name, body, town.now, b"the next secret")))
    is_out(sent(town, body, ca_headers(name, body, town.now, b"another secret")))
    is_out(sent(town, body + b" ", ca_headers(name, body, town.now)))
    is_out(sent(town, body, ca_headers(name + "x", body, town.now)))
    good = ca_headers(name, body, town.now)
    for wrong in (
        good["x-ca-signature"].lower(),
        "1:2",
        "",
        good["x-ca-signature"] + "0",
        "１" * 10 + good["x-ca-signature"][10:],
    ):
        is_out(sent(town, body, {**good, "x-ca-signature": wrong}))
    window = profiles()["zhejiang"].window_seconds
    is_in(sent(town, body, ca_headers(name, body, town.now - timedelta(seconds=window))))
    is_out(sent(town, body, ca_headers(name, body, town.now - timedelta(seconds=window + 1))), "auth.clock")


def test_an_api_key_names_its_connection(town: City) -> None:
    name = registers(town, "H1", "apikey", "neimenggu")
    is_in(sent(town, whole(), {"apikey": f"{name}.{SECRET.decode()}"}))
    is_in(
        sent(
            town,
            whole(signtype="MOCK", cainfo="a block of a password that nobody reads"),
            {"apikey": f"{name}.{SECRET.decode()}"},
        )
    )
    for wrong in (name, f"{name}.", f"{name}.{SECRET.decode()}x", f"x.{SECRET.decode()}", ".", "é" * 10):
        is_out(sent(town, whole(), {"apikey": wrong}))
    answer = sent(town, whole(at="H2"), {"apikey": f"{name}.{SECRET.decode()}"})
    refused({**answer}, "auth.other_institution")


# OAuth, SM2 over the input, SM4


def sm4(key: bytes, clear: bytes) -> bytes:
    pad = padding.PKCS7(128).padder()
    work = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    return work.update(pad.update(clear) + pad.finalize()) + work.finalize()


def un_sm4(key: bytes, sealed: bytes) -> bytes:
    pad = padding.PKCS7(128).unpadder()
    work = Cipher(algorithms.SM4(key), modes.ECB()).decryptor()
    return pad.update(work.update(sealed) + work.finalize()) + pad.finalize()


def oauth(city: City, profile: str = "jilin", **more: Any) -> str:
    """A connection whose id has the sixteen signs that its programs use as a key."""
    name = registers(city, "H1", "oauth", profile, public_key=None, **more)
    exact = secrets.token_hex(8)
    sealed = city.keys.seal("client", f"client|secret|{exact}", SECRET)
    city.run(
        lambda tx: tx.run(
            "update client set id = %(new)s, secret = %(s)s, public_key = %(k)s where id = %(old)s",
            new=exact,
            s=sealed,
            k=PUBLIC,
            old=name,
        )
    )
    return exact


def token_of(city: City, name: str, secret: bytes = SECRET) -> Any:
    shown = base64.b64encode(f"{name}:{secret.decode()}".encode()).decode()
    form = b"username=u&password=p&scope=s&grant_type=password"
    status, raw = city.post(form, path="/x/auth/oauth/token", headers={"Authorization": f"Basic {shown}"})
    return status[:3], json.loads(raw)


def bearer(city: City, name: str) -> dict[str, str]:
    status, told = token_of(city, name)
    assert status == "200", told
    return {"Authorization": f"Bearer {told['access_token']}"}


def signed_input(name: str, given: Any, key: bytes = PRIVATE, **more: Any) -> bytes:
    """A message whose input is signed as it is written; `more` goes to the envelope."""
    text = json.dumps(given, ensure_ascii=False)
    signature = base64.b64encode(sm2.sign(key, text.encode(), name.encode())).decode()
    envelope = json.dumps(whole(given="INPUT", cainfo=signature, **more), ensure_ascii=False)
    return envelope.replace('"INPUT"', text).encode()


def test_an_oauth_client_signs_and_encrypts(town: City) -> None:
    name = oauth(town)
    headers = bearer(town, name)
    is_in(sent(town, signed_input(name, SIGN_IN), headers))
    is_in(sent(town, signed_input(name, {"signIn": {"opter_no": "1", "ip": "中文"}}, enc_type="SM4"), headers))
    # Encrypted: the signature is over the clear text, the answer comes back encrypted.
    clear = json.dumps({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": card(town)}}).encode()
    hidden = base64.b64encode(sm4(name.encode(), clear)).decode()
    signature = base64.b64encode(sm2.sign(PRIVATE, clear, name.encode())).decode()
    answer = sent(town, whole("1101", hidden, cainfo=signature, enc_type="SM4"), headers)
    is_in(answer)
    assert answer["enctype"] == "SM4"
    told = json.loads(un_sm4(name.encode(), base64.b64decode(answer["output"])))
    assert told["baseinfo"]["certno"] == card(town)
    # Wrong in every way.
    body = signed_input(name, SIGN_IN)
    is_out(sent(town, body.replace(b'"opter_no": "1"', b'"opter_no": "2"'), headers))
    is_out(sent(town, signed_input(name, SIGN_IN, key=NEXT), headers))
    is_out(sent(town, whole(), headers))
    is_out(sent(town, whole(cainfo="%%%"), headers))
    is_out(sent(town, whole("1101", hidden[:-8] + "AAAAAAA=", cainfo=signature), headers), "auth.bad_seal")
    is_out(sent(town, whole("1101", "not base64!", cainfo=signature), headers), "auth.bad_seal")
    town.run(lambda tx: tx.run("update client set next_public_key = %(k)s where id = %(i)s", k=sm2.public_of(NEXT), i=name))
    town.gateway.register._kept.clear()
    is_in(sent(town, signed_input(name, SIGN_IN, key=NEXT), headers))
    is_in(sent(town, signed_input(name, SIGN_IN), headers))


def card(city: City) -> str:
    if "sealed person" not in city.numbers:
        city.enrols("sealed person", "90.00")
    return city.numbers["sealed person"]


def test_tokens_are_given_for_a_secret_and_end_with_it_and_with_their_time(town: City) -> None:
    name = oauth(town)
    for wrong in (token_of(town, name, b"wrong"), token_of(town, "nobody"), token_of(town, "")):
        assert wrong[0] == "401"
    assert town.post(b"", path="/auth/oauth/token", headers={"Authorization": "Basic %%%"})[0].startswith("401")
    assert town.post(b"", path="/auth/oauth/token")[0].startswith("401")
    headers = bearer(town, name)
    body = signed_input(name, SIGN_IN)
    is_in(sent(town, body, headers))
    for bent in (
        headers["Authorization"][:-1] + "x",
        "Bearer x",
        "Bearer a.b.c",
        headers["Authorization"].replace(".1", ".2", 1),
    ):
        is_out(sent(town, body, {"Authorization": bent}))
    begun = town.now
    town.now += timedelta(seconds=7201)
    is_out(sent(town, body, headers), "auth.token_expired")
    town.now = begun
    sealed = town.keys.seal("client", f"client|secret|{name}", b"a new secret")
    town.run(lambda tx: tx.run("update client set secret = %(s)s where id = %(i)s", s=sealed, i=name))
    town.gateway.register._kept.clear()
    is_out(sent(town, body, headers))


# cainfo alone


def test_cainfo_signs_the_envelope(town: City) -> None:
    town.run(lambda tx: town.opens(tx, "HB1", "湖北医院", 1, "420100", "L3"))
    town.run(
        lambda tx: tx.run(
            "update client set transport = 'cainfo', profile = 'hubei-signed', public_key = %(k)s where institution = 'HB1'",
            k=PUBLIC,
        )
    )
    message = whole(at="HB1", given=json.dumps(SIGN_IN), recer_sys_code="HIS", cainfo="")
    message["sign_no"] = None
    text = "&".join(f"{name}={message[name] or ''}" for name in sorted(message) if name not in ("cainfo", "input"))
    message["cainfo"] = base64.b64encode(sm2.sign(PRIVATE, text.encode())).decode()
    is_in(sent(town, message))
    is_out(sent(town, {**message, "opter": "002"}))
    is_out(sent(town, {**message, "cainfo": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}))
    is_out(sent(town, {**message, "cainfo": ""}))
    # The placeholder of the stored program passes where the connection says that it is not looked at.
    town.run(lambda tx: tx.run("update client set profile = 'hubei' where institution = 'HB1'"))
    town.gateway.register._kept.clear()
    is_in(sent(town, {**message, "msgid": "PLACEHOLDER", "cainfo": base64.b64encode(bytes(32)).decode()}))


# Sealed envelopes and the mobile centre


def compact(value: Any) -> str:
    """Sorted at every level, nothing empty, numbers as they were written."""
    text = json.dumps(pruned(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace('"\\u0001', "").replace('\\u0001"', "")


def pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: pruned(member) for name, member in value.items() if member not in ("", None, {}, [])}
    return [pruned(one) for one in value] if isinstance(value, list) else value


def marked(text: str) -> str:
    return f"\u0001{text}\u0001"


class Phone:
    """A mobile program: seals what it asks and believes no answer whose seal does not hold. Written from the description."""

    def __init__(self, city: City, institution: str = "H1") -> None:
        self.city, self.secret = city, "an app secret of the mobile centre"
        self.app = registers(city, institution, "sealed", "shanxi", self.secret.encode())
        city.run(lambda tx: tx.run("update client set public_key = %(k)s where id = %(i)s", k=PUBLIC, i=self.app))
        self.key = sm4(self.app.encode()[:16].ljust(16, b"0"), self.secret.encode()).hex().upper()[:16].encode()
        self.platform = sm2.public_of(city.gateway.seal_key)

    def text(self, message: Mapping[str, Any]) -> str:
        rest = {name: value for name, value in message.items() if name not in ("signData", "encData", "extra")}
        kept = {name: value for name, value in rest.items() if value not in ("", None, {}, [])}
        words = [f"{name}={value if isinstance(value, str) else compact(value)}" for name, value in sorted(kept.items())]
        return "&".join([*words, f"key={self.secret}"])

    def seals(self, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        when = f"{self.city.now.astimezone(SHANGHAI):%Y%m%d%H%M%S}"
        message = {
            "appId": self.app,
            "encType": "SM4",
            "signType": "SM2",
            "version": "2.0.1",
            "timestamp": when,
            "data": data,
            **more,
        }
        signature = base64.b64encode(sm2.sign(PRIVATE, self.text(message).encode())).decode()
        del message["data"]
        return {**message, "encData": sm4(self.key, compact(data).encode()).hex().upper(), "signData": signature}

    def asks(self, action: str, data: Mapping[str, Any]) -> Any:
        """(the data of the answer, what the answer says), after its seal was looked at."""
        status, raw = self.city.post(compact(self.seals(data)).encode(), path=f"/org/local/api/hos/{action}")
        assert status == "200 OK", raw
        answer = json.loads(raw, parse_float=Decimal)
        found = un_sm4(self.key, bytes.fromhex(answer["encData"])).decode()
        meant = self.text({**answer, "data": json.loads(found, parse_float=marked)})
        assert sm2.verify(self.platform, meant.encode(), base64.b64decode(answer["signData"]))
        assert not sm2.verify(self.platform, meant.replace("code=", "code=1").encode(), base64.b64decode(answer["signData"]))
        return json.loads(found, parse_float=Decimal), answer

    def done(self, action: str, data: Mapping[str, Any]) -> Any:
        found, answer = self.asks(action, data)
        assert (answer["code"], answer["success"]) == (0, True), answer["message"]
        return found

    def told_no(self, action: str, data: Mapping[str, Any], code: str) -> None:
        before = contents(self.city.db.url)
        _, answer = self.asks(action, data)
        assert (answer["code"], answer["success"]) == (-1, False)
        assert answer["message"].endswith(f"〔{code}〕"), answer["message"]
        assert contents(self.city.db.url) == before


def order(city: City, name: str, proof: Mapping[str, Any], amount: str = "30.00", **more: Any) -> dict[str, Any]:
    line = {"feedetlSn": "1", "medListCodg": "MINE", "detItemFeeSumamt": amount, "cnt": 1, "pric": amount}
    data = {
        "orgCodg": "H1",
        "medOrgOrd": secrets.token_hex(8),
        "psnNo": city.people[name].number,
        "medfeeSumamt": amount,
        **proof,
    }
    return {**data, "feedetailList": [line], "diseinfoList": [{"diagCode": "I10"}], "acctUsedFlag": "1", **more}


def adds_up(found: Mapping[str, Any]) -> None:
    assert found["ownPayAmt"] + found["psnAcctPay"] + found["fundPay"] == found["feeSumamt"]


def test_a_bill_is_paid_from_the_phone_by_a_relative(town: City) -> None:
    phone = Phone(town)
    town.enrols("m father", "20.00", base="retired")
    town.enrols("m daughter", "900.00")
    town.authorises("m daughter", "m father", settlement_cap="6.00")
    bond = town.binds("m daughter", "m father")
    user = phone.done("queryUserInfo", {"ecQrCode": town.shows_code("m father", "m daughter"), "orgCodg": "H1"})
    assert user["pay_auth_no"] == ""
    assert user["family_pay_auth_no"].startswith("AUTH")
    assert user["user_card_no"] == town.numbers["m father"]
    number = user["family_pay_auth_no"]
    met = {"mdtrt_cert_type": "01", "mdtrt_cert_no": number, "certno": town.numbers["m father"], "psn_name": "王"}
    assert asks(town, "1101", {"data": met})["baseinfo"]["psn_no"] == town.people["m father"].number
    bill = order(town, "m father", {"payAuthNo": number})
    made = phone.done("uldFeeInfo", bill)
    adds_up(made)
    assert (made["psnAcctPay"], made["ownPayAmt"]) == (Decimal("26.00"), Decimal("4.00"))
    assert phone.done("uldFeeInfo", bill) == made, "the same order again is the same order"
    ids = {"payOrdId": made["payOrdId"], "payToken": made["payToken"], "payAuthNo": number, "mdtrtId": made["mdtrtId"]}
    assert phone.done("query_order_info", {"payOrdId": made["payOrdId"]})["ordStas"] == "1"
    phone.told_no("pay_order", {**ids, "payToken": "0" * 32}, "mobile.wrong_token")
    phone.told_no("pay_order", {**ids, "ecToken": number[4:]}, "mobile.one_proof")
    paid = phone.done("pay_order", {**ids, "orgBizSer": "1"})
    adds_up(paid)
    assert {name: paid[name] for name in ("psnAcctPay", "ownPayAmt", "fundPay")} == {
        name: made[name] for name in ("psnAcctPay", "ownPayAmt", "fundPay")
    }
    assert (town.holds("m father"), town.holds("m daughter")) == ("0.00", "894.00")
    assert phone.done("pay_order", {**ids, "orgBizSer": "1"}) == paid
    phone.told_no("pay_order", {**ids, "orgBizSer": "2"}, "settlement.already")
    phone.told_no("revoke_order", {"payOrdId": made["payOrdId"]}, "mobile.order_over")
    found = phone.done("query_order_info", {"medOrgOrd": bill["medOrgOrd"], "psnNo": bill["psnNo"]})
    adds_up(found)
    assert (found["ordStas"], found["setlId"]) == ("6", paid["setlId"])
    assert asks(town, "5203", {"data": {"psn_no": bill["psnNo"], "setl_id": paid["setlId"]}})["setlinfo"]["acct_pay"] == Decimal(
        "26.00"
    )
    back = {"payOrdId": made["payOrdId"], "payAuthNo": number}
    phone.told_no("refund_Order", {**back, "refdType": "CASH"}, "mobile.cash_only")
    phone.told_no("refund_Order", {**back, "refdType": "ALL", "totlRefdAmt": "29.99"}, "records.differs")
    phone.told_no("refund_Order", {"payOrdId": made["payOrdId"], "refdType": "ALL"}, "mobile.one_proof")
    returned = phone.done("refund_Order", {**back, "refdType": "ALL", "totlRefdAmt": "30.00"})
    assert (returned["refStatus"], returned["psnAcctRefdAmt"]) == ("SUCC", Decimal("26.00"))
    assert (town.holds("m father"), town.holds("m daughter")) == ("20.00", "900.00")
    phone.told_no("refund_Order", {**back, "refdType": "HI"}, "mobile.order_over")
    assert phone.done("query_order_info", {"payOrdId": made["payOrdId"]})["ordStas"] == "8"
    # The relation ends: the number dies with it.

    town.run(lambda tx: family.unbind(tx, town.people["m father"], bond))
    phone.told_no("uldFeeInfo", order(town, "m father", {"payAuthNo": number}), "credential.bond_ended")
    town.books_balance()


def test_an_order_is_revoked_or_runs_out(town: City) -> None:
    phone = Phone(town)
    town.enrols("m alone", "80.00")
    user = phone.done("queryUserInfo", {"ecQrCode": town.shows_code("m alone")})
    assert user["family_pay_auth_no"] == ""
    proof = {"ecToken": user["ec_token"]}
    first = phone.done("uldFeeInfo", order(town, "m alone", proof))
    assert phone.done("revoke_order", {"payOrdId": first["payOrdId"]})["ordStas"] == "7"
    ids = {"payOrdId": first["payOrdId"], "payToken": first["payToken"], **proof}
    phone.told_no("pay_order", ids, "mobile.order_over")
    phone.told_no("revoke_order", {"payOrdId": first["payOrdId"], "orgCodg": "H1"}, "mobile.order_over")
    late = order(town, "m alone", proof, begntime="2026-03-02 10:00:00")
    second = phone.done("uldFeeInfo", late)
    phone.told_no("uldFeeInfo", {**late, "iptOtpNo": "other"}, "mobile.order_exists")
    begun = town.now
    town.now += timedelta(minutes=31)
    assert phone.done("query_order_info", {"payOrdId": second["payOrdId"]})["ordStas"] == "13"
    phone.told_no("pay_order", {"payOrdId": second["payOrdId"], "payToken": second["payToken"], **proof}, "mobile.order_over")
    town.now = begun
    other = town.enrols("m other", "0").number
    phone.told_no("uldFeeInfo", order(town, "m alone", proof, psnNo=other), "message.person_differs")
    phone.told_no("uldFeeInfo", order(town, "m alone", proof, orgCodg="H2"), "auth.other_institution")
    phone.told_no("uldFeeInfo", order(town, "m alone", proof, medfeeSumamt="29.00"), "settlement.total_differs")
    phone.told_no("query_order_info", {"payOrdId": "O" + "0" * 26}, "mobile.unknown_order")
    phone.told_no("query_order_info", {"orgCodg": "H1"}, "mobile.unknown_order")
    phone.told_no("no_such_action", {}, "interface.unknown_infno")
    assert town.holds("m alone") == "80.00"


def test_a_seal_that_does_not_hold(town: City) -> None:
    phone = Phone(town)
    data = {"payOrdId": "O" + "0" * 26}
    good = phone.seals(data)
    other = phone.seals({"payOrdId": "O" + "1" * 26})
    path = "/org/local/api/hos/query_order_info"
    for wrong in (
        {**good, "encData": other["encData"]},
        {**good, "signData": other["signData"]},
        {**good, "encData": good["encData"][:-2]},
        {**good, "encData": "zz"},
        {**good, "encData": ""},
        {**good, "appId": "nobody"},
        {**good, "appId": 7},
        {**good, "version": "3"},
        {**good, "signData": "%%%"},
    ):
        is_out(sent(town, wrong, path=path))
    is_out(sent(town, phone.seals(data, timestamp="20260301000000"), path=path), "auth.clock")
    is_out(sent(town, phone.seals(data, timestamp="yesterday"), path=path))
    millis = str(int(town.now.timestamp() * 1000))
    assert sent(town, phone.seals(data, timestamp=millis), path=path)["status"] == "200"


# What a mini-program asks about family accounts


def test_a_mini_program_learns_who_is_bound_and_who_shows_a_code(town: City) -> None:
    ask = "alipay.commerce.medical."
    town.enrols("f mother", "1.00", base="retired")
    town.enrols("f son", "1.00")
    town.enrols("f nobody", "1.00")
    bond = town.binds("f son", "f mother")

    def token(member: str, presenter: str = "") -> str:
        return str(asks(town, "1162", {"data": {"ecQrCode": town.shows_code(member, presenter)}})["data"]["ecToken"])

    son, lent, nobody = token("f son"), token("f mother", "f son"), token("f nobody")
    (found,) = asks(town, ask + "fm.bindlist.query", {"data": {"auth_token": "AUTH" + son}})["bind_list"]
    assert (found["relation_type"], found["gender"] in ("MALE", "FEMALE")) == ("06", True)
    assert town.numbers["f mother"] not in json.dumps(found)
    assert "*" in found["user_real_name"]
    assert asks(town, ask + "fm.bindlist.query", {"data": {"auth_token": nobody}})["bind_list"] == []
    for proof, bound in ((son, "true"), (nobody, "false")):
        assert asks(town, ask + "iotfm.checkbind.query", {"data": {"ftoken": proof}})["data"]["has_bind_fm"] == bound
    shown = asks(town, ask + "familyinfo.auth.query", {"data": {"auth_token": lent}})["data"]
    assert (shown["is_family"], shown["relation_type"]) == ("true", "06")
    assert asks(town, ask + "familyinfo.auth.query", {"data": {"auth_token": son}})["data"]["is_family"] == "false"
    told_no(town, ask + "fm.bindlist.query", {"data": {"auth_token": son}}, "credential.bad_token", at="H2")
    told_no(town, ask + "fm.bindlist.query", {"data": {"auth_token": "x"}}, "credential.bad_token")
    town.run(lambda tx: family.unbind(tx, town.people["f mother"], bond))
    told_no(town, ask + "familyinfo.auth.query", {"data": {"auth_token": lent}}, "credential.bond_ended")
    assert asks(town, ask + "iotfm.checkbind.query", {"data": {"ftoken": son}})["data"]["has_bind_fm"] == "false"


# Who may act, and how often


def test_operators_may_be_named(town: City) -> None:
    name = registers(town, "H1", "apikey", "national", operators=["001", "007"])
    key = {"apikey": f"{name}.{SECRET.decode()}"}
    is_in(sent(town, whole(), key))
    refused(sent(town, whole(opter="002"), key), "auth.other_operator")
    refused(sent(town, whole(opter=""), key), "auth.other_operator")


@pytest.mark.parametrize(("profile", "status"), [("national", "200"), ("csb", "429")])
def test_who_sends_too_much_is_slowed_down_and_nobody_else_is(town: City, profile: str, status: str) -> None:
    name = registers(town, "H1", "apikey", profile, per_minute=12)
    key = {"apikey": f"{name}.{SECRET.decode()}"}
    # Ten seconds' worth at once, then no more.
    first = [sent(town, whole(), key) for _ in range(2)]
    assert [answer["infcode"] for answer in first] == [0, 0]
    before = contents(town.db.url)
    over = sent(town, whole(msgid="OVER"), key)
    assert over["status"] == status
    assert over["err_msg"].endswith("〔auth.too_often〕")
    assert contents(town.db.url) == before
    is_in(sent(town, whole()))
    # What was refused for that is not kept: the same number may come later.
    town.gateway.meter._left.clear()
    is_in(sent(town, whole(msgid="OVER"), key))


@pytest.mark.parametrize(("profile", "status"), [("national", "200"), ("csb", "503"), ("front", "200")])
def test_who_cannot_be_told_what_became_of_it_may_ask_again(city: City, profile: str, status: str) -> None:
    """To a program -1 says that nothing was done. Those that repeat by themselves on a status are told so by a status."""
    name = registers(city, "H1", "apikey", profile)
    key = {"apikey": f"{name}.{SECRET.decode()}"}
    message = whole(msgid="UNKNOWN")
    city.run(lambda tx: tx.run("revoke insert on command from mulaid_gateway"))
    answer = sent(city, message, key)
    assert (answer["status"], answer["infcode"]) == (status, "-1" if profile == "front" else -1)
    assert answer["err_msg"].endswith("〔message.internal〕")
    city.run(lambda tx: tx.run("grant insert on command to mulaid_gateway"))
    assert sent(city, message, key)["infcode"] in (0, "0")
    no = sent(city, whole("2207", {"data": {}}), key)
    assert no["status"] == "200", "a no for good is never told by a status"


# Dialects of answers


def test_each_way_of_writing_says_the_same(town: City) -> None:
    stored = json.dumps(
        {
            "infcode": 0,
            "err_msg": "",
            "output": {
                "baseinfo": {"psn_no": "P1", "exp_content": "", "brdy": "1990-01-02", "naty": None},
                "insuinfo": [{"balc": 1, "paus_insu_date": None, "begn_time": "2026-03-02 10:00:00"}],
            },
        },
        ensure_ascii=False,
    ).replace('"balc": 1', '"balc": 12.30')
    assert dress(profiles()["national"], stored) is stored
    mobile = json.loads(dress(profiles()["mobile"], stored), parse_float=Decimal)["output"]
    assert mobile["baseinfo"] == [{"psnNo": "P1", "expContent": "", "brdy": "1990/01/02", "naty": None}]
    assert mobile["insuinfo"] == [{"balc": Decimal("12.30"), "pausInsuDate": None, "begnTime": "2026/03/02 10:00:00"}]
    wrapped = json.loads(dress(profiles()["front-wrapped"], stored))
    assert (wrapped["code"], wrapped["message"]) == (0, "成功")
    assert wrapped["data"]["output"]["insuinfo"] == [{"balc": "12.30", "paus_insu_date": "", "begn_time": "2026-03-02 10:00:00"}]
    old = json.loads(dress(profiles()["old-front"], stored))
    inside = json.loads(old["body"])
    output = json.loads(inside["OUTPUT"])
    assert (old["code"], inside["INFCODE"]) == ("0", 0)
    assert output["INSUINFO"] == [{"BALC": "12.30", "PAUS_INSU_DATE": None, "BEGN_TIME": "20260302100000"}]
    assert output["BASEINFO"]["EXP_CONTENT"] is None
    no = json.loads(dress(profiles()["front-wrapped"], '{"infcode":"-1","err_msg":"不","output":null}'))
    assert (no["code"], no["message"], no["data"]["output"]) == (-1, "不", None)


@pytest.mark.parametrize("profile", [name for name, one in profiles().items() if not one.plain])
def test_a_settlement_in_every_way_of_writing_is_the_stored_one(town: City, profile: str) -> None:
    code, known = f"W{list(profiles()).index(profile)}", profiles()[profile]
    town.run(lambda tx: town.opens(tx, code, "前置医院", 1, "420100", "L3", "national"))
    name = f"dressed {profile}"
    town.enrols(name, "40.00")
    bill = town.uploads(town.visits(name, at=code), [("MINE", "30.00")], at=code)
    message = whole("2207", {"data": {**bill, "acct_used_flag": "1"}}, at=code, fixmedins_name="武汉医院")
    plain = town.post(json.dumps(message).encode())[1].decode()
    town.run(lambda tx: tx.run("update client set profile = %(p)s where institution = %(c)s", p=profile, c=code))
    town.gateway.register._kept.clear()
    # The same message in the connection's own encoding is the same message; only the writing of the answer differs.
    raw = json.dumps(message, ensure_ascii=False).encode(known.charset)
    status, told = town.post(raw)
    assert status == "200 OK"
    assert told.decode(known.charset) == dress(known, plain)
    assert town.holds(name) == "10.00"
    refund = {
        "psn_no": bill["psn_no"],
        "mdtrt_id": bill["mdtrt_id"],
        "setl_id": json.loads(plain)["output"]["setlinfo"]["setl_id"],
    }
    town.post(json.dumps(whole("2208", {"data": refund}, at=code)).encode(known.charset))
    assert town.holds(name) == "40.00"


def test_other_encodings_are_for_who_is_known_to_write_so(town: City) -> None:
    raw = json.dumps(whole(fixmedins_name="武汉医院"), ensure_ascii=False).encode("gb18030")
    status, told = town.post(raw)
    assert (status, json.loads(told)["infcode"]) == ("200 OK", -1)
    assert "message.not_utf8" in told.decode()


def test_names_in_camel_case_are_read(town: City) -> None:
    card(town)
    data = {"mdtrtCertType": "02", "mdtrtCertNo": card(town), "MDTRT_CERT_NO": ""}
    assert asks(town, "1101", {"data": data})["baseinfo"]["certno"] == card(town)


# Decoders


@pytest.mark.parametrize("path", ["/SilnterfaceServer/NationEcc", "/ec/NationEcTrans", "/js/EcQuery"])
def test_decoders_that_stand_in_for_a_library_answer_with_text(town: City, path: str) -> None:
    card(town)
    asked = {"orgId": "H1", "transType": "ec.query", "data": {"ecQrCode": town.shows_code("sealed person"), "operatorId": "1"}}
    answer = sent(town, asked, path=path)
    assert (answer["code"], answer["success"]) == (0, True)
    found = json.loads(answer["data"])
    assert found["idNo"] == card(town)
    again = {"orgId": "H1", "transType": "cn.nhsa.auth.check", "data": {"authNo": "AUTH" + found["ecToken"], "operatorId": "1"}}
    assert json.loads(sent(town, again, path=path)["data"])["idNo"] == card(town)
    notified = {"orgId": "H1", "transType": "cn.nhsa.settle.notify", "data": {"outBizNo": "B1", "operatorId": "1"}}
    assert sent(town, notified, path=path)["code"] == 0
    for wrong, code in (
        ({**asked, "transType": "cn.nhsa.ec.auth"}, "message.unknown_reading"),
        ({**again, "data": {"authNo": "AUTHnothing", "operatorId": "1"}}, "credential.bad_token"),
        ({**again, "data": {"operatorId": "1"}}, "credential.bad_token"),
        ({**asked, "data": {"operatorId": "1"}}, "credential.bad_code"),
    ):
        told = sent(town, wrong, path=path)
        assert told["code"] == 500159
        assert told["message"].endswith(f"〔{code}〕")


# Files by their address


def test_a_file_by_its_address(town: City) -> None:
    number = asks(town, "1301", {"data": {"ver": "0"}})["file_qury_no"]
    assert fetched(town, f"file_qury_no={number}&fixmedins_code=H1").startswith(b"PK")
    # One family of programs sends nothing but the number.
    assert fetched(town, f"file_qury_no={number}").startswith(b"PK")
    for query, code in (
        (f"file_qury_no={number}&fixmedins_code=H2", "files.unknown"),
        ("fixmedins_code=H1", "message.not_posted"),
        ("fixmedins_code=H1&file_qury_no=", "interface.missing_field"),
        ("file_qury_no=x&fixmedins_code=H1", "refs.unknown"),
        ("file_qury_no=" + "F" + "0" * 26, "auth.refused"),
        ("file_qury_no=x", "auth.refused"),
        ("", "message.not_posted"),
    ):
        assert code in fetched(town, query).decode()
    told_no(town, "9102", {"fsDownloadIn": {"file_qury_no": number}}, "files.unknown", at="H2")


def fetched(city: City, query: str) -> bytes:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/fsi/api/fileupload/download", "QUERY_STRING": query}
    return b"".join(city.gateway(environ, lambda *_: None))

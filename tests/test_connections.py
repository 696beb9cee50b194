"""Connections: made, changed over without a gap, switched off; what is wrong with one is said."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime
from typing import Any

import pytest

from city import City
from door import csb, hmac_sha256, mulaid1, mulaid1_parts, tif
from mulaid import sm2
from mulaid.gateway import connections
from mulaid.refusal import Refusal

PUBLIC = (
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)


def body() -> bytes:
    whole = {
        "infno": "9001",
        "msgid": secrets.token_hex(15),
        "fixmedins_code": "H1",
        "opter": "001",
        "input": {"signIn": {"opter_no": "1"}},
    }
    return json.dumps(whole).encode()


def gets_in(city: City, headers: dict[str, str], raw: bytes) -> bool:
    city.gateway.register._kept.clear()
    status, _ = city.post(raw, headers=headers)
    return status == "200 OK"


def headers(transport: str, name: str, secret: str, at: datetime, raw: bytes) -> dict[str, str]:
    key = secret.encode()
    if transport == "csb":
        return csb(name, at, secret=key)
    if transport == "tif":
        return tif(name, at, "1", secret=key)
    if transport == "hmac-sm3":
        signed = str(int(at.timestamp()))
        text = signed.encode() + bytes([10]) + raw
        return {"x-ca-key": name, "x-ca-signature": f"{signed}:{sm2.hmac_sm3(key, text).hex().upper()}"}
    if transport == "apikey":
        return {"apikey": f"{name}.{secret}"}
    parts = mulaid1_parts(name, at)
    return mulaid1(parts, hmac_sha256(parts, raw, key))


@pytest.mark.parametrize("transport", ["mulaid1", "csb", "tif", "hmac-sm3", "apikey"])
def test_a_secret_is_changed_without_a_gap(city: City, transport: str) -> None:
    name, first = city.run(lambda tx: connections.make(tx, "H1", transport, "national"))

    def works(secret: str) -> bool:
        raw = body()
        return gets_in(city, headers(transport, name, secret, city.now, raw), raw)

    assert works(first)
    assert not works(first[:-1] + ("0" if first[-1] != "0" else "1"))
    with pytest.raises(Refusal, match="not_changing"):
        city.run(lambda tx: connections.end_change(tx, name))
    second = city.run(lambda tx: connections.begin_change(tx, name))
    assert works(first)
    assert works(second)
    assert [one.changing for one in city.run(lambda tx: connections.listed(tx, "H1")) if one.id == name] == [True]
    city.run(lambda tx: connections.end_change(tx, name))
    assert not works(first)
    assert works(second)
    city.run(lambda tx: connections.switch(tx, name, on=False))
    assert not works(second)
    city.run(lambda tx: connections.switch(tx, name, on=True))
    assert works(second)
    acts = city.run(lambda tx: tx.all("select act from audit where detail ->> 'connection' = %(n)s order by at, id", n=name))
    assert {row["act"] for row in acts} == {
        "make_connection",
        "begin_key_change",
        "end_key_change",
        "connection_off",
        "connection_on",
    }


def test_what_is_wrong_with_a_connection_is_said(city: City) -> None:
    for code, made in (
        ("connection.unknown_institution", ("H999", "csb", "national")),
        ("connection.unknown_kind", ("H1", "telepathy", "national")),
        ("connection.unknown_kind", ("H1", "csb", "nowhere")),
        ("connection.bad_key", ("H1", "oauth", "jilin")),
        ("connection.bad_key", ("H1", "sealed", "shanxi")),
    ):
        with pytest.raises(Refusal) as told:
            city.run(lambda tx, made=made: connections.make(tx, *made))
        assert told.value.code == code
    for work in (connections.begin_change, connections.end_change):
        with pytest.raises(Refusal, match=r"connection\.unknown"):
            city.run(lambda tx, work=work: work(tx, "nobody"))
    with pytest.raises(Refusal, match=r"connection\.bad_key"):
        city.run(lambda tx: connections.make(tx, "H1", "oauth", "jilin", public_key="xyz"))


def test_an_oauth_connection_has_an_id_that_is_a_key(city: City) -> None:
    name, secret = city.run(lambda tx: connections.make(tx, "H1", "oauth", "jilin", public_key="04" + PUBLIC, operators=["001"]))
    assert len(name) == 16
    shown = base64.b64encode(f"{name}:{secret}".encode()).decode()
    status, raw = city.post(b"grant_type=password", path="/auth/oauth/token", headers={"Authorization": f"Basic {shown}"})
    assert status == "200 OK"
    assert json.loads(raw)["token_type"] == "bearer"
    listed: Any = next(one for one in city.run(lambda tx: connections.listed(tx)) if one.id == name)
    assert (listed.operators, listed.changing, listed.enabled) == (("001",), False, True)

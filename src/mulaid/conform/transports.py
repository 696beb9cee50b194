"""The checks of who is calling: changed, replayed, unsigned and late messages, by what each transport can tell."""

from __future__ import annotations

import json
from datetime import timedelta

from mulaid.client import Client
from mulaid.conform.kit import Bench, Skip, check, expect
from mulaid.gateway.auth import API_KEY, CAINFO, HMAC_SM3, MULAID1, OAUTH, OPEN

TIMELESS = (OPEN, API_KEY, OAUTH, CAINFO)
"""Transports whose proof says no time."""
FAR_OFF = timedelta(hours=8)


@check("transport.tampered", "a signed message that was changed on the way is refused")
def _(bench: Bench) -> None:
    client = bench.hospital
    transport = client.connection.transport
    body = bench.text(client, "1101", {"data": bench.card("aided").fields})
    headers = client.headers("1101", body)
    if transport in (MULAID1, HMAC_SM3):
        changed = body + b" "
    elif transport in (OAUTH, CAINFO) and client.connection.dialect.cainfo == "checked":
        # What is signed is the input of the one and the envelope of the other.
        other = json.loads(bench.text(client, "1101", {"data": bench.card("giver").fields}))
        changed = json.dumps(
            {**json.loads(body), **({"input": other["input"]} if transport == OAUTH else {"opter": "002"})}
        ).encode()
    else:
        raise Skip("this transport does not cover the message")
    bench.refusal(client.http.post(client.address, content=changed, headers=headers), "a changed message")
    bench.asks(client, "1101", {"data": bench.card("aided").fields})


@check("transport.replayed", "the same signature a second time is refused")
def _(bench: Bench) -> None:
    if bench.hospital.connection.transport != MULAID1:
        raise Skip("this transport has no nonce")
    body = bench.text(bench.hospital, "1101", {"data": bench.card("aided").fields})
    headers = bench.hospital.headers("1101", body)
    for place in range(2):
        answer = bench.hospital.http.post(bench.hospital.address, content=body, headers=headers)
        if place:
            bench.refusal(answer, "a replayed signature")


@check("transport.unsigned", "a message without its signature is refused")
def _(bench: Bench) -> None:
    client = bench.hospital
    if client.connection.transport == OPEN:
        raise Skip("this connection does not sign")
    body = bench.text(client, "1101", {"data": bench.card("aided").fields})
    if client.connection.transport == CAINFO:
        body = json.dumps({**json.loads(body), "cainfo": ""}).encode()
    headers = {name: "" for name in client.headers("1101", body) if name != "Content-Type"}
    bench.refusal(bench.post(client, "1101", body, headers), "an unsigned message")


@check("transport.clock", "a sender's clock may be off as far as the profile allows, and a settlement counts all the same")
def _(bench: Bench) -> None:
    window = timedelta(seconds=bench.subject.profile.window_seconds)
    timeless = bench.hospital.connection.transport in TIMELESS or not window
    most = FAR_OFF if timeless else window - timedelta(minutes=1)
    for off in (-most, most):
        late = _late(bench, off)
        given = bench.bill()
        msgid = late.new_msgid()
        settled = bench.settles(given, msgid, late)
        expect(late.call("2207", {"data": given}, msgid).output == settled.output, "the stored answer", "another")
    if not timeless:
        for off in (-window - FAR_OFF, window + FAR_OFF):
            late = _late(bench, off)
            body = bench.text(late, "1101", {"data": bench.card("aided").fields})
            bench.refusal(bench.post(late, "1101", body), f"a clock that is {off} off")


def _late(bench: Bench, off: timedelta) -> Client:
    """The hospital's program on a machine whose clock is off."""
    right = bench.hospital.clock
    return bench.another("hospital", clock=lambda: right() + off)

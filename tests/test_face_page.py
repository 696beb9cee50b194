"""A face check by Alibaba's contract through the pages: the page in between, its script, its policy, and who gets no further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Page, expect

from browsing import Site, browser, follow, web_process  # noqa: F401
from mulaid.demo import city as demo
from mulaid.outside.face import ALIBABA_SCRIPT, face_for
from mulaid.settings import SettingTrouble
from stand_in import Answer, Seen, StandIn, stand_in

SCRIPT = b"function getMetaInfo() { return {zimVer: '3.0.0', appVersion: '1', deviceType: 'h5'}; }"
DESCRIBED: dict[str, bytes] = {"script": SCRIPT}


def cloud_answers(asked: Seen) -> Answer:
    """The provider: a script, a page to show one's face on, and three calls."""
    if asked.method == "GET":
        return 200, DESCRIBED["script"] if asked.path == "/jsvm_all.js" else b"<!doctype html><h1>the provider's page</h1>"
    told: dict[str, Any] = {"Code": "200", "RequestId": "r"}
    if asked.headers["x-acs-action"] == "InitFaceVerify":
        told["ResultObject"] = {"CertifyId": "C1", "CertifyUrl": f"{CLOUD[0].url}/verify"}
    elif asked.headers["x-acs-action"] == "DescribeFaceVerify":
        told["ResultObject"] = {"Passed": "T", "SubCode": "200"}
    return 200, json.dumps(told).encode()


CLOUD: list[StandIn] = []


@pytest.fixture(scope="module")
def cloud() -> Iterator[StandIn]:
    with stand_in(cloud_answers) as told:
        CLOUD[:] = [told]
        yield told


@pytest.fixture(scope="module")
def door(cluster: Any, cloud: StandIn) -> Iterator[Site]:
    """The demo city's pages with the provider's contract in place of the sandbox."""
    url = cluster.fresh()
    demo.load(url, cluster.keys, lambda text: None)
    face = {
        "MULAID_FACE": "alibaba", "MULAID_FACE_KEY_ID": "KEYID", "MULAID_FACE_SECRET": "the-secret", "MULAID_FACE_SCENE": "7",
        "MULAID_FACE_ENDPOINT": cloud.url, "MULAID_FACE_SCRIPT": f"{cloud.url}/jsvm_all.js",
    }  # fmt: skip
    try:
        with web_process(cluster, url, **face) as base:
            yield Site(base, {})
    finally:
        cluster.drop(url)


@pytest.fixture
def page(browser: Any, door: Site) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(base_url=door.base, locale="zh-CN")
    opened = context.new_page()
    opened.refusals = []
    opened.on("console", lambda told: opened.refusals.append(told.text) if told.type == "error" else None)
    yield opened
    context.close()


def test_a_face_is_shown_by_the_providers_contract(page: Page, cloud: StandIn) -> None:
    """First in a browser in which the provider's script does not work, then in one in which it does."""
    page.goto("/")
    follow(page.get_by_role("button", name="开始：当一回刘洋"))
    follow(page.get_by_role("button", name="下一步"))
    page.get_by_label("用演示图片代替").check()
    follow(page.get_by_role("button", name="我已看完承诺书"))
    policies: dict[str, list[str]] = {}
    page.on("response", lambda told: policies.setdefault(told.url, []).append(told.headers.get("content-security-policy", "")))
    DESCRIBED["script"] = b"/* an old browser */"
    here = page.url
    follow(page.get_by_role("button", name="让 TA 刷脸"))
    expect(page.get_by_role("heading", name="准备刷脸")).to_be_visible()
    assert f"script-src 'self' {cloud.url}/jsvm_all.js" in policies[here][-1].split("; ")
    assert "刘秀兰" not in page.content()
    follow(page.get_by_role("button", name="继续"))
    expect(page.get_by_role("alert")).to_contain_text("这个浏览器用不了刷脸服务")
    assert cloud.url not in policies[here][-1], "a page that tells of people lets nobody's script in"
    for meta in ("{}", "[]", "null", "x", "[" * 3000, json.dumps({"a": "x" * 9000}), "\ud800"):
        follow(page.get_by_role("button", name="让 TA 刷脸"))
        page.locator("input[name=client_meta]").evaluate("(e, value) => { e.value = value }", meta)
        follow(page.get_by_role("button", name="继续"))
        expect(page.get_by_role("alert")).to_contain_text("这个浏览器用不了刷脸服务")
    assert not [seen for seen in cloud.seen if seen.method == "POST"], "the provider was asked nothing"
    del page.refusals[:]
    DESCRIBED["script"] = SCRIPT
    page.get_by_role("button", name="让 TA 刷脸").click()
    page.wait_for_url("**/verify")
    assert page.refusals == []
    begun = next(seen for seen in cloud.seen if seen.headers.get("x-acs-action") == "InitFaceVerify")
    assert begun.signed_well()
    form = dict(parse_qsl(begun.body.decode()))
    assert json.loads(form["MetaInfo"]) == {"zimVer": "3.0.0", "appVersion": "1", "deviceType": "h5"}
    page.goto(form["ReturnUrl"])
    expect(page.locator("h1")).to_contain_text("开通好了")
    expect(page.locator("main")).not_to_contain_text("未进行真实人脸核验")
    assert {seen.headers.get("x-acs-action") for seen in cloud.seen} >= {"DescribeFaceVerify", "DeleteFaceVerifyResult"}


def test_a_script_that_is_no_address_is_refused_at_start(cluster: Any) -> None:
    keys = cluster.keys
    given = {"MULAID_FACE": "alibaba", "MULAID_FACE_KEY_ID": "a", "MULAID_FACE_SECRET": "b", "MULAID_FACE_SCENE": "2"}
    made = face_for(given, "production", keys, lambda: None)  # type: ignore[arg-type,return-value]
    assert made.script == ALIBABA_SCRIPT
    for bad in (
        "jsvm_all.js",
        "https://x.example/a.js; script-src *",
        "http://x.example/a.js",
        "javascript:alert(1)",
        "https://x.example",
    ):
        with pytest.raises(SettingTrouble, match="MULAID_FACE_SCRIPT"):
            face_for({**given, "MULAID_FACE_SCRIPT": bad}, "production", keys, lambda: None)  # type: ignore[arg-type,return-value]

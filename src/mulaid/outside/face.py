"""Face verification: a port, a labelled sandbox, and the H5 flows of Tencent and Alibaba Cloud by signed HTTPS.

Every provider works alike: start, the person goes to the provider's page and comes back, the server asks for the result. What
comes back through the browser is a hint. Text results only are asked for: no picture reaches us. Whatever a provider says, the
rules of mulaid.people.face decide what counts.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from mulaid.calendar import Clock
from mulaid.crypto import BrokenSeal, Keys
from mulaid.outside.signing import Credentials, Request, acs3, tc3
from mulaid.people.face import Assurance, FaceOutcome, FaceRequest, FaceSession, Result
from mulaid.people.identity import RESIDENT
from mulaid.settings import PROFILES, SettingTrouble

SANDBOX_NOTICE = "演示环境，未进行真实人脸核验"
SECONDS = 5
ALIBABA_SCRIPT = "https://o.alicdn.com/yd-cloudauth/cloudauth-cdn/jsvm_all.js"
"""What the provider's page on integrating H5 names (help.aliyun.com/document_detail/173782.html)."""
_SCRIPT = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._/-]+", re.ASCII)


class FaceTrouble(Exception):
    """A check could not be started: the provider's trouble, or a paper it cannot check. The text names nobody."""


class FaceVerifier(Protocol):
    """Who compares a face with the authority's picture."""

    @property
    def name(self) -> str:
        """The provider's name, as it is kept with a check."""

    @property
    def script(self) -> str:
        """The address of the provider's script that describes the browser (`getMetaInfo`); empty where none is asked for."""

    def start(self, request: FaceRequest, return_url: str, client_meta: str = "") -> FaceSession:
        """Announce a check and learn where to send the person. `client_meta`: what the provider's script told in the browser.

        FaceTrouble when the provider does not take it.
        """

    def fetch(self, provider_ref: str) -> FaceOutcome:
        """The result, from server to server; may be asked again. The provider's own trouble is Result.ERROR."""

    def erase(self, provider_ref: str) -> None:
        """Have the provider forget what it kept, as far as it can; silent about trouble, its retention ends anyway."""


@dataclass(frozen=True, slots=True)
class SandboxFace:
    """Looks at nobody and says so. Its reference carries the number it was asked about, sealed, so that it needs no memory."""

    keys: Keys
    clock: Clock
    name: str = "sandbox"
    script: str = ""

    def start(self, request: FaceRequest, return_url: str, client_meta: str = "") -> FaceSession:
        """The person is sent straight back; the page says SANDBOX_NOTICE."""
        sealed = self.keys.seal("face_sandbox", f"face|sandbox|{request.tx_id}", request.subject.number).hex()
        ref = f"{request.tx_id}.{sealed}"
        joint = "&" if "?" in return_url else "?"
        redirect = f"{return_url}{joint}{urlencode({'face': ref, 'notice': '演示'})}"
        return FaceSession(self.name, Assurance.SANDBOX, ref, redirect, self.clock() + timedelta(minutes=20))

    def fetch(self, provider_ref: str) -> FaceOutcome:
        """A pass for the number that was asked about; nothing for a reference of somebody's own making."""
        tx_id, _, sealed = provider_ref.partition(".")
        try:
            number = self.keys.open_text("face_sandbox", f"face|sandbox|{tx_id}", bytes.fromhex(sealed))
        except (BrokenSeal, ValueError):
            return FaceOutcome(provider_ref, Result.EXPIRED, provider_code="unknown")
        return FaceOutcome(provider_ref, Result.PASSED, number, live=True, matched=True, provider_code="演示", provider_txn=tx_id)

    def erase(self, provider_ref: str) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class TencentFace:
    """Tencent Cloud faceid, DetectAuth and GetDetectInfoEnhanced of 2018-03-01."""

    key: Credentials
    rule: str
    clock: Clock
    endpoint: str = "https://faceid.tencentcloudapi.com"
    name: str = "tencent-faceid"
    script: str = ""

    def start(self, request: FaceRequest, return_url: str, client_meta: str = "") -> FaceSession:
        """DetectAuth; the reference is the BizToken, good for two hours."""
        body = {
            "RuleId": self.rule,
            "IdCard": request.subject.number,
            "Name": request.subject.name,
            "RedirectUrl": return_url,
            "Extra": request.tx_id,
        }
        answer = self._ask("DetectAuth", body)
        if answer is None or "Error" in answer or not answer.get("Url") or not answer.get("BizToken"):
            raise FaceTrouble(_code_of(answer))
        until = self.clock() + timedelta(hours=2)
        return FaceSession(self.name, Assurance.LIVENESS_AUTHORITY, str(answer["BizToken"]), str(answer["Url"]), until)

    def fetch(self, provider_ref: str) -> FaceOutcome:
        """GetDetectInfoEnhanced, text only. Before the person has finished, the error code is null."""
        answer = self._ask("GetDetectInfoEnhanced", {"BizToken": provider_ref, "RuleId": self.rule, "InfoType": "1"})
        if answer is None:
            return FaceOutcome(provider_ref, Result.ERROR, provider_code="no answer")
        if "Error" in answer:
            code = _code_of(answer)
            return FaceOutcome(provider_ref, Result.EXPIRED if "BizToken" in code else Result.ERROR, provider_code=code)
        told = answer.get("Text")
        text: dict[str, Any] = told if isinstance(told, dict) else {}
        if text.get("ErrCode") is None:
            return FaceOutcome(provider_ref, Result.PENDING)
        live, matched = text.get("LiveStatus") == 0, text.get("Comparestatus") == 0
        return FaceOutcome(
            provider_ref,
            Result.PASSED if text["ErrCode"] == 0 and live and matched else Result.FAILED,
            reported_number=str(text.get("IdCard") or ""),
            live=live,
            matched=matched,
            score=_hundredths(text.get("Sim")),
            provider_code=str(text["ErrCode"]),
            provider_txn=str(answer.get("RequestId") or ""),
        )

    def erase(self, provider_ref: str) -> None:
        """The provider offers no erasure; it drops a result after three days."""

    def _ask(self, action: str, body: Mapping[str, str]) -> dict[str, Any] | None:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "x-tc-action": action,
            "x-tc-version": "2018-03-01",
            "x-tc-region": "ap-guangzhou",
        }
        request = Request("POST", urlsplit(self.endpoint).netloc, headers=headers, body=json.dumps(body).encode())
        answer = _ask(self.endpoint, request, tc3(self.key, request, self.clock(), service="faceid"))
        return answer.get("Response") if answer is not None and isinstance(answer.get("Response"), dict) else None


@dataclass(frozen=True, slots=True)
class AlibabaFace:
    """Alibaba Cloud identity verification, InitFaceVerify and DescribeFaceVerify of 2019-03-07, product ID_PRO.

    It ties a CertifyId to the number given at the start and in most scenes reports no number with the result.
    """

    key: Credentials
    scene: str
    clock: Clock
    endpoint: str = "https://cloudauth.aliyuncs.com"
    name: str = "aliyun-cloudauth"
    script: str = ALIBABA_SCRIPT

    def start(self, request: FaceRequest, return_url: str, client_meta: str = "") -> FaceSession:
        """InitFaceVerify; needs what getMetaInfo() of the provider's script told. It checks resident ID cards only."""
        if request.subject.document_kind != RESIDENT:
            raise FaceTrouble("only resident ID cards")
        if not client_meta:
            raise FaceTrouble("MetaInfo of the browser is missing")
        form = {
            "SceneId": self.scene,
            "OuterOrderNo": request.tx_id,
            "ProductCode": "ID_PRO",
            "Model": "MULTI_ACTION",
            "CertType": "IDENTITY_CARD",
            "CertName": request.subject.name,
            "CertNo": request.subject.number,
            "ReturnUrl": return_url,
            "MetaInfo": client_meta,
        }
        answer = self._ask("InitFaceVerify", form)
        told = answer.get("ResultObject") if answer is not None and str(answer.get("Code")) == "200" else None
        if not isinstance(told, dict) or not told.get("CertifyId") or not told.get("CertifyUrl"):
            raise FaceTrouble(_code_of(answer))
        until = self.clock() + timedelta(minutes=30)
        ref, url = str(told["CertifyId"]), str(told["CertifyUrl"])
        return FaceSession(self.name, Assurance.LIVENESS_AUTHORITY, ref, url, until, binds_number=True)

    def fetch(self, provider_ref: str) -> FaceOutcome:
        """DescribeFaceVerify. An answer without T or F is none yet."""
        answer = self._ask("DescribeFaceVerify", {"SceneId": self.scene, "CertifyId": provider_ref})
        if answer is None:
            return FaceOutcome(provider_ref, Result.ERROR, provider_code="no answer")
        told = answer.get("ResultObject")
        if str(answer.get("Code")) != "200" or not isinstance(told, dict):
            return FaceOutcome(provider_ref, Result.ERROR, provider_code=_code_of(answer))
        passed = told.get("Passed")
        if passed not in ("T", "F"):
            return FaceOutcome(provider_ref, Result.PENDING)
        return FaceOutcome(
            provider_ref,
            Result.PASSED if passed == "T" else Result.FAILED,
            reported_number=_number_in(told.get("IdentityInfo")),
            live=passed == "T",
            matched=passed == "T",
            provider_code=str(told.get("SubCode") or ""),
            provider_txn=str(answer.get("RequestId") or ""),
        )

    def erase(self, provider_ref: str) -> None:
        """DeleteFaceVerifyResult."""
        self._ask("DeleteFaceVerifyResult", {"CertifyId": provider_ref})

    def _ask(self, action: str, form: Mapping[str, str]) -> dict[str, Any] | None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        request = Request("POST", urlsplit(self.endpoint).netloc, headers=headers, body=urlencode(form).encode())
        nonce = secrets.token_hex(16)
        return _ask(
            self.endpoint, request, acs3(self.key, request, self.clock(), action=action, version="2019-03-07", nonce=nonce)
        )


def face_for(given: Mapping[str, str], profile: str, keys: Keys, clock: Clock) -> FaceVerifier:
    """The provider that MULAID_FACE names: sandbox, tencent or alibaba. A production profile refuses the sandbox."""
    assert profile in PROFILES, "settings know the profiles"
    name = given.get("MULAID_FACE") or "sandbox"
    if name == "sandbox":
        if profile == "production":
            raise SettingTrouble("MULAID_PROFILE is production, which refuses the sandbox: set MULAID_FACE to tencent or alibaba")
        return SandboxFace(keys, clock)
    if name not in ("tencent", "alibaba"):
        raise SettingTrouble(f"MULAID_FACE is {name!r}; it takes sandbox, tencent or alibaba")
    names = ("MULAID_FACE_KEY_ID", "MULAID_FACE_SECRET", "MULAID_FACE_RULE" if name == "tencent" else "MULAID_FACE_SCENE")
    missing = [wanted for wanted in names if not given.get(wanted)]
    if missing:
        raise SettingTrouble(f"MULAID_FACE is {name}, so these must be set: {', '.join(missing)}")
    key = Credentials(given[names[0]], given[names[1]])
    more = {"endpoint": given["MULAID_FACE_ENDPOINT"]} if given.get("MULAID_FACE_ENDPOINT") else {}
    if name == "tencent":
        return TencentFace(key, given[names[2]], clock, **more)
    return AlibabaFace(key, given[names[2]], clock, **more, script=_script(given, profile))


def _script(given: Mapping[str, str], profile: str) -> str:
    """The script's address, which goes into a page's policy: nothing but an address, and in production encrypted."""
    told = given.get("MULAID_FACE_SCRIPT") or ALIBABA_SCRIPT
    if not _SCRIPT.fullmatch(told) or (profile == "production" and not told.startswith("https://")):
        raise SettingTrouble("MULAID_FACE_SCRIPT is the address of the provider's script, such as " + ALIBABA_SCRIPT)
    return told


def _code_of(answer: Mapping[str, Any] | None) -> str:
    """The provider's own code; never its message, which may quote what it was asked about."""
    if answer is None:
        return "no answer"
    error = answer.get("Error")
    return str(error.get("Code") if isinstance(error, dict) else answer.get("Code"))[:60]


def _hundredths(text: Any) -> int | None:
    """A score in percent as hundredths of a percent."""
    try:
        score = Decimal(str(text))
    except InvalidOperation:
        return None
    return int(score * 100) if score.is_finite() and 0 <= score <= 100 else None


def _number_in(text: Any) -> str:
    try:
        told = json.loads(text) if isinstance(text, str) and text else {}
    except ValueError:
        return ""
    return str(told.get("certNo") or told.get("CertNo") or "") if isinstance(told, dict) else ""


def _ask(endpoint: str, request: Request, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """The provider's answer, or None when there is none that can be read."""
    import httpx

    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = client.request(request.method, endpoint + request.address, content=request.body, headers=dict(headers))
        told = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    return told if isinstance(told, dict) else None

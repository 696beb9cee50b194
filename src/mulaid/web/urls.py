"""The routes of the people's door. Each names what it demands of its visitor; a test walks over them all."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mulaid.agency.staff import HANDLER
from mulaid.web import frame, start
from mulaid.web.citizen import (
    aid,
    bind,
    code,
    costs,
    cover,
    entrance,
    faces,
    home,
    household,
    matters,
    me,
    member,
    premiums,
    trial,
    wallet,
)
from mulaid.web.console import cases, counter, door
from mulaid.web.console.door import clerk
from mulaid.web.visitor import anybody, citizen, demonstration, present

HANDLERS = (HANDLER,)
both = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    path("", anybody(require_safe(start.page)), name="start"),
    path("whose/<str:number>", demonstration(require_safe(start.settlement)), name="whose"),
    path("display/<str:size>", anybody(require_safe(frame.display)), name="display"),
    path("health", anybody(require_safe(start.health)), name="health"),
    path("enter", anybody(both(entrance.page)), name="enter"),
    path("enter/code", anybody(both(entrance.code)), name="enter_code"),
    path("enter/vouched", anybody(require_POST(entrance.vouched)), name="vouched"),
    path("in/<str:channel>", anybody(require_safe(entrance.frame)), name="frame"),
    path("story/<str:step>", demonstration(require_POST(start.go)), name="story"),
    path("enter/as", demonstration(require_POST(entrance.as_made_up)), name="enter_as"),
    path("leave", anybody(require_POST(entrance.leave)), name="leave"),
    path("confirm", citizen(both(entrance.confirm)), name="confirm"),
    path("home", citizen(require_safe(home.page)), name="home"),
    path("bills", citizen(require_safe(home.all_bills)), name="bills"),
    path("bills/<str:number>", citizen(require_safe(home.bill)), name="bill"),
    path("news", citizen(require_safe(home.news)), name="news"),
    path("code/<str:who>", citizen(require_safe(code.page)), name="code"),
    path("code/<str:who>/fresh", citizen(require_safe(code.fresh)), name="code_fresh"),
    path("try", citizen(require_safe(trial.page)), name="try"),
    path("aid", citizen(require_safe(aid.page)), name="aid"),
    path("aid/new", present(both(aid.new)), name="aid_new"),
    path("aid/order", citizen(require_POST(aid.order)), name="aid_order"),
    path("aid/pause", citizen(require_POST(aid.stop_all)), name="aid_pause"),
    path("aid/give", present(both(aid.give)), name="aid_give"),
    path("aid/<str:key>", present(both(aid.one)), name="aid_one"),
    path("household", present(both(household.page)), name="household"),
    path("wallet", present(both(wallet.page)), name="wallet"),
    path("family", citizen(require_safe(member.everybody)), name="family"),
    path("family/<str:key>", present(both(member.page)), name="member"),
    path("bind", present(both(bind.new)), name="bind"),
    path("bind/by/<str:route>", present(both(bind.new)), name="bind_route"),
    path("bind/<str:key>", present(both(bind.one)), name="bind_one"),
    path("face/<uuid:check>", citizen(require_safe(faces.back)), name="face"),
    path("costs", citizen(require_safe(costs.page)), name="costs"),
    path("costs/tax", citizen(require_safe(costs.tax)), name="tax"),
    path("costs/export.<str:kind>", citizen(require_safe(costs.export)), name="costs_export"),
    path("premiums", present(both(premiums.page)), name="premiums"),
    path("premiums/back", present(require_POST(premiums.back)), name="premiums_back"),
    path("care", citizen(both(cover.care)), name="care"),
    path("help", citizen(require_safe(home.questions)), name="help"),
    path("me/insured", citizen(require_safe(cover.insured)), name="insured"),
    path("me/watchers", citizen(both(me.watchers)), name="watchers"),
    path("me/phone", present(both(entrance.bind_phone)), name="phone"),
    path("me/phone/code", present(both(entrance.bind_phone_code)), name="phone_code"),
    path("me/renew/<str:key>", present(both(me.renew)), name="renew"),
    path("me/freeze", citizen(both(me.freeze)), name="freeze"),
    path("me/privacy", citizen(both(me.privacy)), name="privacy"),
    path("me/export", present(require_safe(me.export)), name="export"),
    path("matters", citizen(require_safe(matters.page)), name="matters"),
    path("matters/<str:number>", citizen(both(matters.one)), name="matter"),
    path("me/card", present(both(code.printed)), name="card"),
    path("me/sessions", citizen(both(me.sessions)), name="sessions"),
    path("console", clerk(require_safe(cases.queue)), name="console"),
    path("console/enter", anybody(both(door.page)), name="console_enter"),
    path("console/begin", anybody(both(door.begin)), name="console_begin"),
    path("console/prove", anybody(require_POST(door.prove)), name="console_prove"),
    path("console/leave", anybody(require_POST(door.leave)), name="console_leave"),
    path("console/case/<str:number>", clerk(both(cases.case)), name="console_case"),
    path("console/case/<str:number>/paper/<uuid:paper>", clerk(require_POST(cases.look)), name="console_look"),
    path("console/case/<str:number>/papers", clerk(require_POST(cases.give), HANDLERS), name="console_papers"),
    path("console/find", clerk(both(counter.find), HANDLERS), name="console_find"),
    path("console/person/<str:number>", clerk(both(counter.person), HANDLERS), name="console_person"),
    path("console/person/<str:number>/renew", clerk(both(counter.renew), HANDLERS), name="console_renew"),
    path("console/person/<str:number>/bind", clerk(both(counter.bind), HANDLERS), name="console_bind"),
    path("console/person/<str:number>/give", clerk(both(counter.give), HANDLERS), name="console_give"),
    path("console/person/<str:number>/<str:matter>", clerk(both(counter.open_matter), HANDLERS), name="console_open"),
    path("console/paper/<str:token>", clerk(require_safe(cases.paper)), name="console_paper"),
]

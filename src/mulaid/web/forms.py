"""Forms: what people type, checked field by field in plain Chinese; it stays, and the first wrong field gets the focus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from mulaid.money import Fen, parse_yuan, yuan
from mulaid.refusal import Refusal
from mulaid.web.reading import Outcome, new_key
from mulaid.web.visitor import HELD


class Form(forms.Form):  # type: ignore[misc]  # Django has no types
    """A form with a key of its own, so that sending it twice does nothing twice."""

    use_required_attribute = False
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.key = new_key()
        self.trouble: Outcome | None = None

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """The id of each wrong field with what is wrong, in the order of the page."""
        return [
            (self[name].id_for_label or f"id_{name}", str(self.errors[name][0])) for name in self.fields if name in self.errors
        ]

    def checked(self) -> bool:
        """Whether everything can be read; else the first wrong field asks for the focus."""
        if self.is_valid():
            return True
        first = next((name for name in self.fields if name in self.errors), None)
        if first:
            self.fields[first].widget.attrs["autofocus"] = True
        return False

    def refuse(self, outcome: Outcome, **places: str) -> None:
        """Show a refusal beside the field it is about (`places`: its code with `_` for the dot), else above the form."""
        name = places.get(outcome.refused.replace(".", "_"))
        if name:
            self.add_error(name, f"{outcome.says}{outcome.next}")
            self.fields[name].widget.attrs["autofocus"] = True
        else:
            self.trouble = outcome


class Yuan(forms.CharField):  # type: ignore[misc]  # as above
    """An amount in yuan; its value is fen, None where nothing was typed."""

    def __init__(self, *, least: Fen = 1, most: Fen = 10_000_000_00, **kwargs: Any) -> None:
        self.least, self.most = least, most
        kwargs.setdefault("max_length", 14)
        super().__init__(**kwargs)
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off", "data-unit": "元"})

    def clean(self, value: Any) -> Fen | None:
        """Fen; says what an amount looks like."""
        text = super().clean(value)
        if not text:
            return None
        try:
            fen = parse_yuan(text.replace(",", "").replace("，", "").removesuffix("元").strip())
        except Refusal:
            raise forms.ValidationError("请填写金额，例如 386.40") from None
        if not self.least <= fen <= self.most:
            raise forms.ValidationError(f"请填写 {yuan(self.least)} 到 {yuan(self.most)} 之间的金额")
        return fen


def text(label: str, *, wrong: str, most: int = 50, required: bool = True, help_text: str = "", **attrs: str) -> forms.CharField:
    """A line of text; `wrong` is said when it is missing."""
    widget = forms.TextInput(attrs={"autocomplete": "off", **attrs})
    return forms.CharField(
        label=label,
        max_length=most,
        required=required,
        help_text=help_text,
        widget=widget,
        error_messages={"required": wrong, "max_length": f"最多 {most} 个字"},
    )


def choice(label: str, options: Iterable[tuple[str, str]], *, wrong: str, initial: str = "", help_text: str = "") -> Any:
    """One of a few, as buttons to tap."""
    return forms.ChoiceField(
        label=label,
        choices=list(options),
        widget=forms.RadioSelect(),
        initial=initial or None,
        help_text=help_text,
        error_messages={"required": wrong, "invalid_choice": wrong},
    )


def pick(label: str, options: Iterable[tuple[str, str]], *, wrong: str) -> Any:
    """One of many, as the phone's own list."""
    return forms.ChoiceField(label=label, choices=list(options), error_messages={"required": wrong, "invalid_choice": wrong})


def several(label: str, options: Iterable[tuple[str, str]], *, wrong: str, help_text: str = "") -> Any:
    """Any of a few."""
    return forms.MultipleChoiceField(
        label=label,
        choices=list(options),
        widget=forms.CheckboxSelectMultiple(),
        help_text=help_text,
        error_messages={"required": wrong, "invalid_choice": wrong},
    )


def held(request: HttpRequest) -> QueryDict | None:
    """What was typed on this page before presence had to be proved, once."""
    kept = request.session.get(HELD)
    if not kept or kept["path"] != request.path:
        return None
    del request.session[HELD]
    return QueryDict(kept["typed"])

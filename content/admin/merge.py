"""A merge of two edits of one object in a form: the stored values, the sent values, and the changes of each.

A version holds a digest of each field. The form carries it, signed, so that a save names the version it is based on.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms.models import BaseInlineFormSet, model_to_dict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst

from content.admin.text_diff import Block, side_by_side

FIELD = "based_on"


class BasedOnField(forms.CharField):
    """The version that a form shows. It is never a change itself."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


@dataclass(frozen=True)
class Version:
    """The digest of each field. `at` is the Unix time when it was shown. An unknown version has no digests."""

    digests: dict[str, str] = dataclass_field(default_factory=dict)
    at: float = 0.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Version":
        return cls({name: digest(value) for name, value in values.items()}, time.time())

    @classmethod
    def read(cls, text: str, model: type[Model], pk: Any) -> "Version":
        """Read a text that `sign` wrote for that object; an unknown version for any other text."""
        try:
            digests, at = signing.loads(text, salt=salt_of(model, pk))
        except signing.BadSignature:
            return cls()
        return cls(digests, at)

    def sign(self, model: type[Model], pk: Any) -> str:
        return signing.dumps([self.digests, self.at], salt=salt_of(model, pk))

    def changes_in(self, values: dict[str, Any]) -> set[str]:
        """The names of the values that differ from this version."""
        return {name for name, value in values.items() if self.digests.get(name) != digest(value)}


def salt_of(model: type[Model], pk: Any) -> str:
    return f"content.admin.version:{model._meta.label_lower}:{pk}"


def digest(value: Any) -> str:
    return blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=9).hexdigest()


def normalise(value: Any) -> Any:
    """A comparable form of a value: equal for a stored value and for the same value sent unchanged."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet) or (isinstance(value, list) and value and isinstance(value[0], Model)):
        return sorted(row.pk for row in value)
    return value if isinstance(value, bool | int | list | dict) else str(value)


def read_stored_values(form: forms.ModelForm, formsets: Iterable[BaseInlineFormSet]) -> dict[str, Any]:
    """The normalised values of an object and its inline rows, from the database."""
    values = {name: normalise(form.get_initial_for_field(field, name)) for name, field in fields_of(form)}
    for formset in formsets:
        names = row_fields(formset)
        rows = (model_to_dict(row, names) for row in formset.get_queryset())
        values[str(formset.prefix)] = sorted(([normalise(row[name]) for name in names] for row in rows), key=repr)
    return values


def read_sent_values(form: forms.ModelForm, formsets: Iterable[BaseInlineFormSet]) -> dict[str, Any]:
    """The normalised values that the browser sent in a bound form."""
    values = {name: read_sent_value(form[name]) for name, _ in fields_of(form)}
    for formset in formsets:
        rows = ([read_sent_value(row[name]) for name in row_fields(formset)] for row in list_sent_rows(formset))
        values[str(formset.prefix)] = sorted(rows, key=repr)
    return values


def fields_of(form: forms.ModelForm) -> Iterator[tuple[str, forms.Field]]:
    return ((name, field) for name, field in form.fields.items() if name != FIELD)


def read_sent_value(bound: forms.BoundField) -> Any:
    """The cleaned value of a field; the raw data if it is invalid."""
    field = bound.field
    try:
        return normalise(
            field.clean(bound.data, bound.initial) if isinstance(field, forms.FileField) else field.clean(bound.data)
        )
    except ValidationError:
        return normalise(bound.data)


def row_fields(formset: BaseInlineFormSet) -> list[str]:
    return [name for name in formset.form.base_fields if name != formset.fk.name]


def list_sent_rows(formset: BaseInlineFormSet) -> list[forms.ModelForm]:
    """The rows that a save would leave: all but deleted and empty ones."""
    return [row for row in formset.forms if not is_deleted(row) and (pk_of(row) or row.has_changed())]


def pk_of(row: forms.ModelForm) -> str:
    name = row._meta.model._meta.pk.name
    return str(row[name].data or "") if name in row.fields else ""


def is_deleted(row: forms.ModelForm) -> bool:
    return "DELETE" in row.fields and bool(row["DELETE"].data)


@dataclass(frozen=True)
class Difference:
    """A field whose stored and sent values differ. `changed_by` is "both", "theirs" or "mine"."""

    name: str
    label: str
    theirs: str
    mine: str
    changed_by: str

    @property
    def blocks(self) -> list[Block]:
        return side_by_side(self.theirs, self.mine)


@dataclass(frozen=True)
class Merge:
    """The sent values compared with the stored ones."""

    form: forms.ModelForm
    formsets: list[BaseInlineFormSet]
    stored: dict[str, Any]
    sent: dict[str, Any]
    changed_by_them: set[str]
    changed_by_me: set[str]

    @classmethod
    def of(cls, form: forms.ModelForm, formsets: list[BaseInlineFormSet], base: Version) -> "Merge":
        stored, sent = read_stored_values(form, formsets), read_sent_values(form, formsets)
        mine = {name for name in base.changes_in(sent) if sent[name] != stored[name]}
        return cls(form, formsets, stored, sent, base.changes_in(stored), mine)

    @property
    def overwrites(self) -> bool:
        """Whether a save would undo a change of another editor."""
        return any(self.sent[name] != self.stored[name] for name in self.changed_by_them)

    @property
    def differences(self) -> list[Difference]:
        """All differences; fields that both editors changed come first."""
        differences = [self.difference(name) for name in self.stored if self.sent[name] != self.stored[name]]
        return sorted(differences, key=lambda difference: difference.changed_by)

    def difference(self, name: str) -> Difference:
        mine, theirs = name in self.changed_by_me, name in self.changed_by_them
        changed_by = "both" if mine and theirs else "mine" if mine else "theirs"
        label, to_text = self.label_and_formatter(name)
        return Difference(name, label, to_text(self.stored[name]), to_text(self.sent[name]), changed_by)

    def label_and_formatter(self, name: str) -> Any:
        """The label of a field, and a function that formats its values."""
        if name in self.form.fields:
            field = self.form.fields[name]
            return capfirst(self.form[name].label), lambda value: format_value(field, value)
        formset: Any = next(each for each in self.formsets if each.prefix == name)
        return capfirst(formset.model._meta.verbose_name_plural), lambda rows: format_rows(formset, rows)

    def fill(self, form: forms.ModelForm, formsets: Iterable[BaseInlineFormSet]) -> None:
        """Fill the sender's changes into a form that shows the stored values."""
        for name, shown in fields_of(self.form):
            # Browsers do not send a file a second time.
            if name in self.changed_by_me and not isinstance(shown, forms.FileField):
                form.initial[name] = self.form[name].data
        sent = {formset.prefix: formset for formset in self.formsets}
        for formset in formsets:
            if formset.prefix in self.changed_by_me:
                fill_rows(formset, sent[formset.prefix])


def fill_rows(shown: BaseInlineFormSet, sent: BaseInlineFormSet) -> None:
    """Fill stored rows with the sent values, and add the sent rows that are not stored."""
    names = row_fields(sent)
    stored = {str(row.pk): model_to_dict(row, names) for row in shown.get_queryset()}
    new = [row for row in list_sent_rows(sent) if pk_of(row) not in stored]
    data = [{name: row[name].data for name in names} for row in new]
    known = [{name: str(value) for name, value in row.items()} for row in stored.values()]
    shown.initial_extra = [row for row in data if row not in known]
    shown.extra = len(shown.initial_extra)
    # The formset caches its forms, and may have built them already.
    shown.__dict__.pop("forms", None)
    by_pk = {str(row.instance.pk): row for row in shown.initial_forms}
    for row in sent.forms:
        if pk_of(row) in by_pk:
            deleted = {"DELETE": is_deleted(row)} if "DELETE" in row.fields else {}
            by_pk[pk_of(row)].initial.update({name: row[name].data for name in names} | deleted)


def format_value(field: forms.Field, value: Any) -> str:
    """Format a normalised value as text."""
    if isinstance(field, forms.ModelChoiceField):
        pks = [pk for pk in (value if isinstance(value, list) else [value]) if str(pk).isdigit()]
        rows = field.queryset.filter(pk__in=pks) if field.queryset is not None else []
        return ", ".join(field.label_from_instance(row) for row in rows)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(field, forms.ChoiceField):
        labels: Any = dict(field.widget.choices)
        return str(labels.get(value, value))
    if isinstance(field, forms.SplitDateTimeField) and isinstance(value, int):
        moment = datetime.fromtimestamp(value, timezone.get_current_timezone())
        return date_format(moment, "j M Y, H:i:s")
    if isinstance(value, list):
        # PostgreSQL does not keep the order of an object's keys.
        rows = (
            ": ".join(str(row[key]) for key in sorted(row)) if isinstance(row, dict) else str(row) for row in value
        )
        return "\n".join(rows)
    return str(value)


def format_rows(formset: BaseInlineFormSet, rows: list[list[Any]]) -> str:
    """Format one row a line: the first field, and the others if they are not empty."""
    fields = [formset.form.base_fields[name] for name in row_fields(formset)]

    def line(row: list[Any]) -> str:
        first, *others = zip(fields, row, strict=True)
        more = [f"{str(field.label).lower()} {format_value(field, value)}" for field, value in others if value]
        return ", ".join([format_value(*first), *more])

    return "\n".join(map(line, rows))

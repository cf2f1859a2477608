"""The columns of a watched model that a plan of migrations takes away or alters.

Triggers stay while tables only grow: a migration then ends no entry of the release that serves. An operation that is
not known here, such as RunSQL, may alter any column. RunPython counts as one that writes rows, which triggers see.
"""

from collections.abc import Sequence

from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterIndexTogether,
    AlterModelManagers,
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    Migration,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameField,
    RenameIndex,
    RenameModel,
    RunPython,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.models import Model

from .declaration import Watch

# Migrations, and whether each is taken back.
Plan = Sequence[tuple[Migration, bool]]

_KEEPS_COLUMNS = (
    AddConstraint,
    AddIndex,
    AlterIndexTogether,
    AlterModelManagers,
    AlterModelOptions,
    AlterModelTableComment,
    AlterUniqueTogether,
    RemoveConstraint,
    RemoveIndex,
    RenameIndex,
    RunPython,
)


def list_altered_fields(plan: Plan, watch: Watch) -> set[str]:
    """List the names of the fields that a plan alters, also of those that the model no longer has."""
    return {
        field
        for migration, backwards in plan
        for operation in migration.operations
        for field in _altered_by(operation, backwards, migration.app_label, watch)
    }


def list_declared_fields(watch: Watch) -> set[str]:
    """List the names of the fields that its triggers name, and of their columns."""
    columns = {watch.key, *watch.columns}
    return columns | {field.name for field in watch.model._meta.concrete_fields if field.column in columns}


def _altered_by(operation: Operation, backwards: bool, app: str, watch: Watch) -> set[str]:
    match operation:
        case SeparateDatabaseAndState(database_operations=inner):
            return {field for each in inner for field in _altered_by(each, backwards, app, watch)}
        case AddField() | CreateModel() if not backwards:
            return set()
        case RemoveField() | DeleteModel() if backwards:
            return set()
        case AddField(model_name=model, name=name) | RemoveField(model_name=model, name=name):
            return _of_field(watch, app, model, name)
        case AlterField(model_name=model, name=name):
            return _of_field(watch, app, model, name)
        case RenameField(model_name=model, old_name=old, new_name=new):
            return _of_field(watch, app, model, old) | _of_field(watch, app, model, new)
        case CreateModel(name=name) | DeleteModel(name=name) | AlterModelTable(name=name):
            return list_declared_fields(watch) if _is_table_of(watch, app, name) else set()
        case RenameModel(old_name=old, new_name=new):
            return (
                list_declared_fields(watch) if any(_is_table_of(watch, app, each) for each in (old, new)) else set()
            )
    return set() if isinstance(operation, _KEEPS_COLUMNS) else list_declared_fields(watch)


def _of_field(watch: Watch, app: str, model: str, name: str) -> set[str]:
    if not _is_table_of(watch, app, model):
        return set()
    if _owner(watch) is watch.model:
        return {name}
    # The other fields of its owner are columns of another table.
    links = {each.name for each in _owner(watch)._meta.many_to_many if each.remote_field.through is watch.model}
    return list_declared_fields(watch) if name in links else set()


def _is_table_of(watch: Watch, app: str, model: str) -> bool:
    owner = _owner(watch)._meta
    return (app, model.lower()) == (owner.app_label, owner.model_name)


def _owner(watch: Watch) -> type[Model]:
    """The model whose migrations make the table: that of the field, for the table of a many-to-many field."""
    owner: type[Model] | None = getattr(watch.model._meta, "auto_created", None) or None
    return owner or watch.model

"""The JSON schema of a recipe with the options of every plugin, for editors that complete and check YAML.

It says what the grammar of ``recipe`` allows: a plugin is its name, or a mapping from its name to its options,
where a bare value fills the first option, and a plugin in the first option may stand among the others. Options of a
plugin that is implied may stand in place of all.
What depends on more than one place, such as what steps need, is checked by ``backmap check`` and ``run`` alone.
"""
from __future__ import annotations

import inspect
from typing import Any

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ..api import Options, Plugin
from ..errors import BackmapError
from ..fields import CONTRACT
from .recipe import Recipe, nested_kind, options_of
from .registry import KINDS, Kind, Registry, kind_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LATER = "x-backmap-kind"  #: stands for a reference while pydantic is at work
_BARE = {"not": {"type": "object"}}  #: what is not a mapping fills a plugin's first option


def schema(registry: Registry) -> dict[str, Any]:
    """JSON schema of a recipe made of the plugins of ``registry``. Plugins that cannot be loaded are left out."""
    definitions: dict[str, Any] = {}
    for kind in KINDS:
        plugins = {name: plugin for name in registry.names(kind) if (plugin := _loaded(registry, kind, name))}
        definitions[_key(kind.name)] = _entry(kind, plugins)
        for name, plugin in plugins.items():
            definitions[_key(kind.name, name)] = _value(plugin, registry, definitions)
    recipe = _model(Recipe, "recipe", definitions)
    return {"$schema": DIALECT, "title": "backmap recipe", **recipe, "$defs": definitions}


def _loaded(registry: Registry, kind: Kind, name: str) -> type[Plugin] | None:
    try:
        return registry.get(kind, name)
    except BackmapError:
        return None


def _entry(kind: Kind, plugins: dict[str, type[Plugin]]) -> dict[str, Any]:
    """``name`` or ``name: {options}``."""
    alone = [name for name, plugin in plugins.items() if not any(o.is_required() for o in options_of(plugin).values())]
    named = {name: {"$ref": _place(kind.name, name), "description": _about(plugin)} for name, plugin in plugins.items()}
    mapping = {"type": "object", "properties": named, "additionalProperties": False, "minProperties": 1,
               "maxProperties": 1}
    return {"description": f"{kind.a_name[0].upper()}{kind.a_name[1:]}.",
            "anyOf": [*([{"enum": alone}] if alone else []), mapping]}


def _about(plugin: type[Plugin]) -> str:
    return inspect.cleandoc(plugin.__doc__ or "").partition("\n\n")[0].replace("\n", " ").replace("``", "")


def _value(plugin: type[Plugin], registry: Registry, definitions: dict[str, Any]) -> dict[str, Any]:
    """What may stand after a plugin's name."""
    options = options_of(plugin)
    full = _model(plugin.Options, f"{plugin.__module__}.{plugin.__qualname__}", definitions)
    required = [_spelled(name, option) for name, option in options.items() if option.is_required()]
    forms: list[dict[str, Any]] = [] if required else [{"type": "null"}]
    if options:
        first = _spelled(*next(iter(options.items())))
        implied = plugin.Options.implied
        forms.append(full if implied else _with_nested(full, first, next(iter(options.values())), registry))
        if not [name for name in required if name != first]:
            forms.append({"allOf": [full["properties"][first], _BARE]})
        if implied and _loaded(registry, kind := nested_kind(options[implied[0]].annotation), implied[1]):
            forms.append({"$ref": _place(kind.name, implied[1])})
    else:
        forms.append(full)
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _spelled(name: str, option: FieldInfo) -> str:
    """What a recipe calls an option."""
    return option.alias or name


def _with_nested(full: dict[str, Any], first: str, option: FieldInfo, registry: Registry) -> dict[str, Any]:
    """Options, among which the plugin of the first one may stand by its own name."""
    kind = nested_kind(option.annotation)
    names = [name for name in registry.names(kind) if name not in full["properties"]] if kind else []
    if not names:
        return full
    beside = {name: {"$ref": _place(kind.name, name)} for name in names if _loaded(registry, kind, name)}
    given = [{"required": [name]} for name in (first, *beside)]
    nothing = [] if option.is_required() else [{"not": {"anyOf": given}}]
    others = [name for name in full.get("required", ()) if name != first]
    return {**full, "properties": {**full["properties"], **beside}, "required": others, "oneOf": [*given, *nothing]}


def _key(kind: str, name: str = "") -> str:
    return f"{kind}.{name}".rstrip(".").replace(" ", "_")


def _place(kind: str, name: str = "") -> str:
    return f"#/$defs/{_key(kind, name)}"


def _model(model: Any, prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Schema of a pydantic model; models inside it go to ``definitions``."""
    made = model.model_json_schema(schema_generator=_Generator, ref_template=f"#/$defs/{prefix}.{{model}}")
    definitions.update({f"{prefix}.{name}": _resolved(inner) for name, inner in made.pop("$defs", {}).items()})
    made.pop("title", None)
    made.setdefault("properties", {})
    return _resolved({key: value for key, value in made.items() if key != "description"})


def _resolved(node: Any) -> Any:
    """References to plugin kinds, which pydantic must not see, put where they belong."""
    if isinstance(node, dict):
        return {"$ref" if key == _LATER else key: _place(value) if key == _LATER else _resolved(value)
                for key, value in node.items()}
    return [_resolved(value) for value in node] if isinstance(node, list) else node


class _Generator(GenerateJsonSchema):
    """Schemas of options: nested plugins become references, and what JSON cannot say is left open."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        contract = schema.get("metadata", {}).get(CONTRACT)
        return {_LATER: kind_of(contract).name} if contract else super().function_plain_schema(schema)

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A list with a function before it may be written as the one thing it holds; options keep their names."""
        inner = super().function_before_schema(schema)
        if getattr(schema["function"]["function"], "__name__", "") in vars(Options):  # refuses more, takes no more
            return inner
        if schema["schema"]["type"] in ("model", "model-fields"):
            return inner
        if schema["schema"]["type"] != "list" or "items" not in inner:
            return inner if inner.get("format") == "path" else {"anyOf": [inner, {}]}  # the function may take anything
        return {"anyOf": [inner, {"allOf": [inner["items"], {"not": {"type": "array"}}]},
                          *([] if inner.get("minItems") else [{"type": "null"}])]}

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}

"""A model that stands in an annotation before it is imported.

Two dozen models cost as much to define and build as all the others of the language; most files need none of them.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from hpc.components.fields import Model


class Late:
    """Metadata for `Annotated[Any, Late(module, name)]`: validates like the model of that name, and has its schema."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    @cached_property
    def model(self) -> type[Model]:
        """The model itself, imported and built."""
        model: type[Model] = getattr(import_module(self._module), self._name)
        model.model_rebuild()
        return model

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del schema
        whole = core_schema.definitions_schema(self.model.__pydantic_core_schema__, [])
        return handler(whole)

    def _validated(self, value: object) -> Model:
        """Raises the ValidationError of the model, whose paths pydantic then continues."""
        return self.model.model_validate(value)

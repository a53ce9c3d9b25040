"""JSON Schemas of models as their documents are written."""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class AsWritten(GenerateJsonSchema):
    """Shows defaults as a document writes them, where the model keeps something else in memory."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The usual schema; its default goes through the serializer of the field's own type."""
        generated = super().default_schema(schema)
        written = schema["schema"].get("serialization")
        if "default" in generated and written and written["type"] == "function-plain":
            generated["default"] = written["function"](schema["default"])
        return generated

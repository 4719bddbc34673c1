"""The reference of the control interface: an OpenAPI document, made from the declarations of the operations.

``python -m gate.control.openapi`` prints it; what is installed is ``gate/manual/openapi.json``.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any, Final

import msgspec

from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ROLES, Operation

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["kind", "message", "hint", "exit_code"],
            "properties": {
                "kind": {"type": "string", "description": "Class of gate.errors."},
                "message": {"type": "string"},
                "hint": {"type": "string", "description": "What to do."},
                "exit_code": {"type": "integer", "description": "That of a command that ends by it."},
                "reason": {"type": "string", "description": "Of a refusal: its code."},
            },
        }
    },
}


def openapi() -> dict[str, Any]:
    """The document, as JSON values."""
    operations = sorted(OPERATIONS.values(), key=lambda each: each.name)
    types = [kind for each in operations for kind in (each.request, each.response)]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template="#/components/schemas/{name}"
    )
    components["Error"] = _ERROR
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dialgate control interface",
            "version": version("dialgate"),
            "description": "HTTP over the gate's Unix socket. The kernel says which account asks, [roles] what it may.",
        },
        "paths": {
            f"/v1/op/{each.name}": {"post": _post(each, request, response)}
            for each, request, response in zip(operations, schemas[::2], schemas[1::2], strict=True)
        },
        "components": {"schemas": {name: _in_a_line(schema) for name, schema in sorted(components.items())}},
    }


def _in_a_line(schema: dict[str, Any]) -> dict[str, Any]:
    """With its description, a docstring, in one line: Python 3.13 strips the margin of those, and others do not."""
    return schema | {key: " ".join(schema[key].split()) for key in ("description",) if key in schema}


def _anything(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(kind)


def _post(operation: Operation[Any, Any], request: Any, response: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": response}}
    if operation.streams:
        content = {"application/x-ndjson": {"schema": response}}
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "x-roles": [role for role in ROLES if role in operation.roles],
        "x-streams-progress": operation.streams,
        "x-needs-running-gate": operation.running,
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {
                "description": "Lines of progress; the last one holds the response as result."
                if operation.streams
                else "The response.",
                "content": content,
            },
            "default": {
                "description": "What went wrong, and what to do.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }


def document() -> str:
    """The document as it is installed: a line for each operation and for each type."""
    lines = []
    for key, value in openapi().items():
        inner = value["schemas"] if key == "components" else value
        if key in ("paths", "components"):
            rows = ",\n".join(
                f"{json.dumps(name)}: {json.dumps(told, ensure_ascii=False)}" for name, told in inner.items()
            )
            told = f"{{\n{rows}\n}}"
            lines.append(f'"{key}": ' + (f'{{"schemas": {told}}}' if key == "components" else told))
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(document())

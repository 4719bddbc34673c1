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
                "reason": {"type": "string", "description": "The code of a refusal."},
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
    """Put its description, a docstring, in one line: Python 3.13 strips the margin of those, and others do not."""
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
                f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in inner.items()
            )
            shown = f"{{\n{rows}\n}}"
            lines.append(f'"{key}": ' + (f'{{"schemas": {shown}}}' if key == "components" else shown))
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


# --- HTTP for programs ----------------------------------------------------------------------------------------------

_BLOCK: Final = {"$ref": "#/components/schemas/Block"}
_NOT_OVER_HTTP: Final = frozenset({"path", "file", "refused_claim", "again", "once"})
"""Fields of requests that the HTTP side fills in itself."""
_OF_A_TOKEN: Final = "The token is missing or wrong, or is not for this."  # noqa: S105 - a sentence


def http_openapi() -> dict[str, Any]:
    """The reference of ``control.http``, as JSON values."""
    kinds: dict[str, tuple[type, type]] = {
        name: (each.request, each.response)
        for name in (
            "decide",
            "calls_outcome",
            "objection_add",
            "objection_list",
            "consent_add",
            "consent_list",
            "subscriber_set",
            "subscriber_list",
            "recording_ingest",
            "complaint_enter",
        )
        if (each := OPERATIONS[name])
    }
    made, components = msgspec.json.schema_components(
        [kind for pair in kinds.values() for kind in pair],
        schema_hook=_anything,
        ref_template="#/components/schemas/{name}",
    )
    of = dict(zip(kinds, zip(made[::2], made[1::2], strict=True), strict=True))
    components["Error"] = _ERROR
    components["Block"] = {
        "allOf": [
            {"$ref": "#/components/schemas/Error"},
            {"type": "object", "properties": {"verdict": {"const": "block"}, "reason": {"type": "string"}}},
        ]
    }
    for name in ("ObjectionAdd", "ConsentAdd", "SubscriberSet", "Decide", "ComplaintEnter"):
        for field in _NOT_OVER_HTTP & components[name]["properties"].keys():
            components[name]["properties"].pop(field)
    for name in ("received", "channel"):
        components["ComplaintEnter"]["properties"].pop(name)
    decided = {"anyOf": [of["decide"][1], _BLOCK]}
    paths: dict[str, Any] = {
        "/v1/decision": {
            "get": _http("decision", "May this number be dialled?", "decide", decided, query=kinds["decide"][0]),
            "post": _http(
                "decisionPosted", "The same, in a body.", "decide", decided, body=of["decide"][0], again=True,
            ),
        },
        "/v1/decisions": {
            "post": _http(
                "decisions", "Up to 1,000 questions at once.", "decide",
                _object({"decisions": {"type": "array", "items": decided}}),
                body=_object({"decisions": {"type": "array", "maxItems": 1000, "items": of["decide"][0]}}), again=True,
            ),
        },
        "/v1/outcome": {
            "post": _http(
                "outcome", "What became of a call that was let through and dialled elsewhere.", "decide",
                of["calls_outcome"][1], body=of["calls_outcome"][0], again=True,
            ),
        },
        "/v1/recording": {
            "put": _http(
                "recording", "A recording that a phone system made (WAV).", "recordings", of["recording_ingest"][1],
                query=kinds["recording_ingest"][0], wav=True,
            ),
        },
        "/metrics": {"get": _plain("metrics", "For Prometheus.", "text/plain", secured=True)},
    }  # fmt: skip
    for path, one, enters, entered in (
        ("objections", "objection", "add", "An objection is entered."),
        ("consents", "consent", "add", "A consent is entered."),
        ("subscribers", "subscriber", "set", "Who has a line is noted."),
    ):
        add, found = of[f"{one}_{enters}"], of[f"{one}_list"]
        number = {"name": "number", "in": "query", "required": True, "schema": {"type": "string"}}
        paths[f"/v1/{path}"] = {
            "post": _http(one, entered, "lists", add[1], body=add[0], once=True),
            "get": _http(path, f"The {path} of one number.", "lists", found[1]) | {"parameters": [number]},
        }
    complaint = of["complaint_enter"]
    paths["/v1/complaints"] = {
        way: _http(name, "A complaint is entered.", "complaints", complaint[1], body=complaint[0], once=True)
        for way, name in (("post", "complaint"), ("put", "complaintPut"))
    }
    for path, what in (
        ("livez", "The process answers."),
        ("readyz", "Marketing calls are taken."),
        ("healthz", "As readyz."),
    ):
        paths[f"/{path}"] = {"get": _plain(path, what, "application/json", secured=False)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dialgate over HTTP",
            "version": version("dialgate"),
            "description": "For phone systems, CRMs and monitoring. Whatever is not verdict allow is a no.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [
            {
                "url": "{scheme}://{address}",
                "description": "control.http of the configuration",
                "variables": {
                    "scheme": {"default": "http", "enum": ["http", "https"]},
                    "address": {"default": "127.0.0.1:8080"},
                },
            }
        ],
        "security": [{"token": []}, {"password": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "dialgate token add NAME --may WHAT"},
                "password": {"type": "http", "scheme": "basic", "description": "The token's name, and the token."},
            },
            "schemas": {name: _in_a_line(schema) for name, schema in sorted(components.items())},
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _http(
    name: str, summary: str, right: str, response: Any, *, body: Any = None, query: type | None = None,
    wav: bool = False, once: bool = False, again: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """An operation for programs with a token for ``right``. ``once``: an entry that is kept once with its key;
    ``again``: an answer that is repeated with its key."""
    said: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "x-token-may": right,
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": {"schema": response}}},
            "401": {"description": _OF_A_TOKEN, "content": {"application/json": {"schema": _BLOCK}}},
            "default": {"description": "What went wrong.", "content": {"application/json": {"schema": _BLOCK}}},
        },
    }
    if once or wav:
        said["responses"]["201"] = said["responses"]["200"] | {"description": "It is kept."}
    if body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if wav:
        said["requestBody"] = {"required": True, "content": {"audio/wav": {"schema": {"type": "string"}}}}
    if query is not None:
        fields = [each for each in msgspec.structs.fields(query) if each.name not in _NOT_OVER_HTTP]
        schemas, _ = msgspec.json.schema_components([each.type for each in fields], schema_hook=_anything)
        said["parameters"] = [
            {"name": each.encode_name, "in": "query", "required": each.required, "schema": _alone(schema)}
            for each, schema in zip(fields, schemas, strict=True)
        ]
    if once or again:
        header = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}}
        said["parameters"] = [header]
    return said


def _alone(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema for a query string: one of words where it names others."""
    return schema if "$ref" not in json.dumps(schema) else {"type": "string"}


def _plain(name: str, summary: str, kind: str, *, secured: bool) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string" if kind == "text/plain" else "object"}}}
    said: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "The answer.", "content": content}},
    }
    if secured:
        said["x-token-may"] = "metrics"
        said["responses"]["401"] = {"description": _OF_A_TOKEN}
    else:
        said["security"] = []
        said["responses"]["503"] = {"description": "Not so, and why.", "content": content}
    return said


if __name__ == "__main__":
    sys.stdout.write(json.dumps(http_openapi(), indent=1) + "\n" if "http" in sys.argv else document())

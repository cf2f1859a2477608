"""The OpenAPI 3.1 document: django-ninja's for paths and parameters, the structs' own schemas for answers."""

from typing import Any

import msgspec

from content.api.problems import MEDIA_TYPE, Problem
from content.api.shapes import Post, PostItem

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
# Of which `fields` may choose: then the others are not there.
SELECTABLE = (PostItem, Post)

# In the order in which they are shown.
HEADINGS = ("Start", "Posts", "Pages", "Authors, categories, tags", "Search")

ETAG = {"description": "Send it back in If-None-Match.", "schema": {"type": "string"}}
MODIFIED = {"description": "When the answer was made.", "schema": {"type": "string"}}
CACHE_CONTROL = {"description": "Keep it, and ask before each use.", "schema": {"type": "string"}}
ALLOW = {"description": "The methods that are answered.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
RATE = {"description": "What is left, where it was counted.", "schema": {"type": "string"}}
RATES = {"description": "How much is allowed.", "schema": {"type": "string"}}
IN_ANSWERS = {
    "ETag": ETAG,
    "Last-Modified": MODIFIED,
    "Cache-Control": CACHE_CONTROL,
    "RateLimit": RATE,
    "RateLimit-Policy": RATES,
}

PROBLEMS = {
    400: ("A parameter is unknown, or its value cannot be one; `errors` says which.", {}),
    404: ("No such thing, or not public.", {}),
    405: ("Only GET, HEAD and OPTIONS are answered.", {"Allow": ALLOW}),
    410: ("It was withdrawn.", {}),
    429: ("Too much from one address.", {"Retry-After": RETRY_AFTER, "RateLimit": RATE, "RateLimit-Policy": RATES}),
    500: ("An error of ours, which is in our log.", {}),
    503: ("Too much to do: try again later.", {"Retry-After": RETRY_AFTER}),
}


def completed(document: Json, answers: dict[str, Any]) -> Json:
    """answers: the type that each operation answers with."""
    names = list(answers)
    types = [*answers.values(), Problem]
    references, schemas = msgspec.json.schema_components(types, ref_template=REFERENCE)
    by_operation = dict(zip(names, references, strict=False))
    for path in document["paths"].values():
        complete_operation(path["get"], by_operation[path["get"]["operationId"]])
    for item in SELECTABLE:
        schemas[item.__name__].pop("required", None)
    return {
        "openapi": "3.1.0",
        "info": document["info"],
        "tags": [{"name": name} for name in HEADINGS],
        "paths": dict(sorted(document["paths"].items())),
        "components": {
            "schemas": schemas,
            "responses": {str(status): problem_response(status) for status in PROBLEMS},
        },
    }


def complete_operation(operation: Json, answer: Json) -> None:
    operation["parameters"] = [parameter(each) for each in operation["parameters"]]
    operation["responses"] = {
        "200": {
            "description": "OK",
            "headers": IN_ANSWERS,
            "content": {"application/json": {"schema": answer}},
        },
        "304": {"description": "What the client has is what it would get.", "headers": {"ETag": ETAG}},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in PROBLEMS},
    }


def parameter(said: Json) -> Json:
    """Without null, which no query can say, and with words and examples where OpenAPI 3.1 has them."""
    schema = dict(said["schema"])
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    for name in ("title", "default"):
        if schema.get(name, ...) is None or name == "title":
            schema.pop(name, None)
    description = schema.pop("description", "")
    return {
        "name": said["name"],
        "in": said["in"],
        "required": said["required"],
        "description": description,
        "schema": schema,
    }


def problem_response(status: int) -> Json:
    description, headers = PROBLEMS[status]
    return {
        "description": description,
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(name="Problem")}}},
    }

"""Parts of the OpenAPI 3.1 document: django-ninja writes the rest of it.

msgspec makes the schemas of results, because msgspec encodes them; django-ninja would document pydantic models.
"""

from typing import Any

import msgspec

from content.api.errors import MEDIA_TYPE, Problem
from content.api.schemas import Post, PostItem

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
# The parameter `fields` chooses among the fields of these, so that none of them is required.
SELECTABLE = (PostItem, Post)

# In the order in which the page shows them.
TAGS = [{"name": name} for name in ("Start", "Posts", "Pages", "Authors, categories, tags", "Search")]

ETAG = {"description": "Send it in If-None-Match.", "schema": {"type": "string"}}
LAST_MODIFIED = {"description": "When the response was made.", "schema": {"type": "string"}}
CACHE_CONTROL = {"description": "Store it, and revalidate it before each use.", "schema": {"type": "string"}}
ALLOW = {"description": "The allowed methods.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
RATE_LIMIT = {"description": "The rest of the limit, if the request was counted.", "schema": {"type": "string"}}
RATE_LIMIT_POLICY = {"description": "The limit.", "schema": {"type": "string"}}
HEADERS = {
    "ETag": ETAG,
    "Last-Modified": LAST_MODIFIED,
    "Cache-Control": CACHE_CONTROL,
    "RateLimit": RATE_LIMIT,
    "RateLimit-Policy": RATE_LIMIT_POLICY,
}
LIMIT_HEADERS = {"Retry-After": RETRY_AFTER, "RateLimit": RATE_LIMIT, "RateLimit-Policy": RATE_LIMIT_POLICY}

PROBLEMS: dict[int, tuple[str, Json]] = {
    400: ("A parameter is unknown or invalid; `errors` says which.", {}),
    404: ("It does not exist, or is not public.", {}),
    405: ("Only GET, HEAD and OPTIONS are allowed.", {"Allow": ALLOW}),
    410: ("It was withdrawn.", {}),
    429: ("Too many requests from one address.", LIMIT_HEADERS),
    500: ("An error of the server, which is in its log.", {}),
    503: ("The server is overloaded: try again later.", {"Retry-After": RETRY_AFTER}),
}


def responses(result: Any) -> dict[int, Json]:
    """The responses of one operation, for django-ninja's `openapi_extra`. Statuses are its keys, as numbers."""
    (schema,), _ = msgspec.json.schema_components([result], ref_template=REFERENCE)
    return {
        200: {"headers": HEADERS, "content": {"application/json": {"schema": schema}}},
        304: {"description": "The copy of the client is current.", "headers": {"ETag": ETAG}},
        **{status: {"$ref": f"#/components/responses/{status}"} for status in PROBLEMS},
    }


def add_components(document: Json, result_types: dict[str, Any]) -> Json:
    """Add the schemas and the problem responses that `responses` refers to."""
    _, schemas = msgspec.json.schema_components([*result_types.values(), Problem], ref_template=REFERENCE)
    for item in SELECTABLE:
        schemas[item.__name__].pop("required", None)
    problems = {str(status): problem_response(*PROBLEMS[status]) for status in PROBLEMS}
    return {**document, "components": {"schemas": schemas, "responses": problems}}


def problem_response(description: str, headers: Json) -> Json:
    schema = {"$ref": REFERENCE.format(name="Problem")}
    return {"description": description, "headers": headers, "content": {MEDIA_TYPE: {"schema": schema}}}

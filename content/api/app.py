from content.api.declaring import Api

DESCRIPTION = """Everything that readers can read, as JSON.

Lists come in pages: follow `next` until it is null; whatever is published meanwhile, no post comes twice and none
that was there is missed. Errors are problem details (RFC 9457). Answers have an `ETag`: send it back in
`If-None-Match` to be told 304 where nothing has changed. No key is needed, and scripts of every origin may read.
"""

api = Api(title="Evergreen", version="1", description=DESCRIPTION, urls_namespace="api")

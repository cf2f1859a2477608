"""Posts that readers do not see: for those who write them, and so cached nowhere."""

from content.selectors.posts import draft_by_id

draft = draft_by_id

"""Text that WordPress shows to members alone does not become public text."""

from datetime import UTC, datetime

import pytest

from content.importers.wordpress import import_wordpress, importer
from content.importers.wordpress.draft import find_members_only
from content.models import Post
from tests.support.wordpress import export, item

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOR_MEMBERS = {
    "[members_only]": "[members_only]secret[/members_only]",
    "[restrict]": '[restrict userlevel="editor"]secret[/restrict]',
    "[membership]": 'Before [membership level="1,2"] <p>secret</p> [/membership ] after',
    "[wpmem_logged_in]": "[wpmem_logged_in]secret[/wpmem_logged_in]",
    "[s2If]": "[s2If current_user_can(access_s2member_level1)]secret[/s2If]",
    "[mepr-show]": '[mepr-show if="rule: 1"]secret[/mepr-show]',
    "[um_loggedin]": "[um_loggedin]secret[/um_loggedin]",
    "[MEMBER]": "<pre>[MEMBER]secret[/MEMBER]</pre>",
    "[is_paid]": "[is_paid]secret[/is_paid]",
    "wp:pmpro/membership": '<!-- wp:pmpro/membership {"levels":["1"]} --><p>secret</p><!-- /wp:pmpro/membership -->',
    "wp:premium-content/subscriber-view": "<!-- wp:premium-content/subscriber-view -->secret",
    "wp:woocommerce-memberships/member-content": "<!-- wp:woocommerce-memberships/member-content -->secret",
    "wp:group": '<!-- wp:group {"blockVisibility":{"controlSets":[]}} -->secret<!-- /wp:group -->',
    "wp:paragraph": '<!-- wp:paragraph {"metadata":{"blockVisibility":false}} -->secret<!-- /wp:paragraph -->',
    "wp:jetpack/paywall": "Free <!-- wp:jetpack/paywall /--> secret",
}
FOR_ALL = [
    "", "Text", "[sic]", "A [member] of parliament", "[not_logged_in]Please register[/not_logged_in]",
    "[visitor]Hello[/visitor]", "[team_member]Ann[/team_member]", "[[members_only]]text[[/members_only]]",
    "<!-- wp:paragraph -->members only<!-- /wp:paragraph -->", "<!-- wp:pmpro/member-profile-edit /-->",
    "[caption]private[/caption]", "<!-- wp:premium-content/logged-out-view -->Join",
    "<!-- wp:premium/heading -->Title<!-- /wp:premium/heading -->", "[/b]", "[" * 1000,
]  # fmt: skip


@pytest.mark.parametrize("mark", FOR_MEMBERS)
def test_each_mark_is_found_and_named(mark):
    assert find_members_only(FOR_MEMBERS[mark]) == mark


@pytest.mark.parametrize("content", FOR_ALL)
def test_text_for_all_has_no_mark(content):
    assert find_members_only(content) == ""


@pytest.mark.django_db
@pytest.mark.parametrize("mark", FOR_MEMBERS)
@pytest.mark.parametrize("status", ["publish", "future", "private"])
def test_its_post_is_a_draft_with_the_reason(tmp_path, mark, status):
    report = import_wordpress(export(tmp_path / "a.xml", item(1, content=FOR_MEMBERS[mark], status=status)), now=NOW)
    assert Post.objects.get().status == "draft"
    assert "secret" in Post.objects.get().body
    [withheld] = report.withheld
    assert ("for members" in withheld.reason and mark in withheld.reason) or status == "private"


@pytest.mark.django_db
def test_a_post_that_was_published_before_becomes_a_draft(tmp_path, monkeypatch):
    text = FOR_MEMBERS["[members_only]"]
    source = export(tmp_path / "a.xml", item(1, content=text), item(2, content="Public"))
    with monkeypatch.context() as patch:
        patch.setattr(importer, "find_members_only", lambda content: "")
        patch.setattr("content.importers.wordpress.draft.find_members_only", lambda content: "")
        import_wordpress(source, now=NOW)
        assert Post.objects.public(NOW).count() == 2
    report = import_wordpress(source, now=NOW)
    assert (report.updated, report.unchanged, len(report.withheld)) == (1, 1, 1)
    assert Post.objects.public(NOW).get().body.count("Public") == 1

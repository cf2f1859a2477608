"""Every kind of page as a browser shows it: to eyes, to a screen reader, by keyboard, small, and without script."""

import html5lib
import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import DESKTOP, PHONE, open_reader, violations

pytestmark = pytest.mark.long

# A kind of page a line; a link that leads to one of it, where its address is not known beforehand.
LONG = "/posts/the-bed-we-forgot/"
CODE = "/posts/the-query-nobody-measured/"
PATHS = [
    "/",
    "/?page=2",
    LONG,
    CODE,
    "/about/",
    "/categories/code/",
    "/tags/essays/",
    "/authors/mei-watanabe/",
    "/archive/",
    "/archive/2026/",
    "/archive/2026/01/",
    "/popular/",
    "/trending/",
    "/search/",
    "/search/?q=cache",
    "/search/?q=nothingofthesort",
    LONG + "comment/",
    "/no/such/page/",
]
# Axe takes seconds for a page. These have a list, an article, results, a form and an error.
SOME_PATHS = ["/", LONG, "/search/?q=cache", LONG + "comment/", "/no/such/page/"]
NARROWEST = {"width": 320, "height": 640}
# Readable in light and in dark, and grey on grey between the two.
SLOWLY_DARK = """<!DOCTYPE html><html lang="en"><title>Colours</title><style>
  :root { color-scheme: light dark; --text: #000; --ground: #fff }
  @media (prefers-color-scheme: dark) { :root { --text: #fff; --ground: #000 } }
  main, b { color: var(--text); background: var(--ground); transition: color 60s, background-color 60s }
  main.faint { color: #777; background: #888 }
</style><main><h1>A title</h1><p>A text with a <b>word</b>.</p></main></html>"""


@pytest.mark.parametrize(
    ("size", "paths"),
    [
        pytest.param(PHONE, SOME_PATHS, id="some pages"),
        pytest.param(PHONE, PATHS, id="phone", marks=pytest.mark.slow),
        pytest.param(DESKTOP, PATHS, id="desktop", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_no_violation_and_no_page_complains_or_asks_another_host(browser, site, size, paths):
    with open_reader(browser, site, viewport=size) as somebody:
        found = {path: faults for path in paths if (faults := violations(somebody.open(path)))}
        assert found == {}
        assert somebody.complaints == []


def test_axe_sees_no_colour_of_a_transition(browser, site):
    with open_reader(browser, site) as somebody:
        page = somebody.page
        page.set_content(SLOWLY_DARK)
        assert violations(page) == []
        page.evaluate("document.querySelector('main').className = 'faint'")
        assert [fault.split()[0] for fault in violations(page)] == ["color-contrast"] * 2


def test_nothing_is_wider_than_the_narrowest_phone(browser, site):
    with open_reader(browser, site, viewport=NARROWEST) as somebody:
        wide = {}
        for path in PATHS:
            somebody.open(path)
            wide[path] = somebody.overflow()
        assert wide == dict.fromkeys(PATHS, 0)


@pytest.mark.parametrize("size", [NARROWEST, DESKTOP], ids=["phone", "desktop"])
def test_a_word_without_an_end_is_broken_wherever_a_title_stands(browser, site, size):
    """Nor does a title stand in what is beside it."""
    put_it_in = (
        "word => document.querySelectorAll('main :is(h1, h2, h3, li) a, main h1').forEach(e => e.textContent = word)"
    )
    too_wide = """[...document.querySelectorAll("main :is(h1, h2, h3, li)")]
        .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
        .map(e => e.outerHTML.slice(0, 90))"""
    with open_reader(browser, site, viewport=size) as somebody:
        for path in ("/", LONG, "/archive/", "/search/?q=cache"):
            page = somebody.open(path)
            page.evaluate(put_it_in, "Taumatawhakatangihangakoauauotamatea" * 4)
            assert page.evaluate(too_wide) == []
            assert somebody.overflow() == 0


def test_every_page_is_valid_html(site):
    with httpx.Client(base_url=site) as client:
        for path in PATHS:
            # Raises ParseError at the first fault.
            html5lib.HTMLParser(strict=True).parse(client.get(path).text)


def test_the_keyboard_reaches_the_content_the_menu_the_search_and_the_theme(reader):
    page = reader.open("/")
    path = []
    while "#theme" not in (path or [""])[-1]:
        page.keyboard.press("Tab")
        path.append(reader.focused_element())
        assert len(path) < 15, path
    assert path[0] == "a.skip"
    assert path[1] == "a.brand"
    assert path[-2:] == ["summary.tool", "button#theme.tool"]
    page.keyboard.press("Enter")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")


def test_the_skip_link_leads_to_the_content(reader):
    page = reader.open(LONG)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert reader.focused_element() == "main#main"


def test_what_is_focused_can_be_seen(reader):
    page = reader.open("/")
    for _ in range(5):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert " solid " in outline, reader.focused_element()
        assert not outline.startswith("rgb(0, 0, 0) none"), reader.focused_element()


def test_the_search_opens_ready_to_type_and_escape_closes_it(reader):
    page = reader.open("/")
    page.locator(".seek summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Search all posts")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Search all posts")).to_be_hidden()
    assert reader.focused_element() == "summary.tool"


def test_the_choice_of_dark_is_there_before_anything_is_painted(reader):
    page = reader.open("/")
    page.locator("#theme").click()
    # Held back, a script that is deferred has chosen nothing yet.
    page.route("**/site*.js", lambda route: route.abort())
    page.goto(reader.site + CODE, wait_until="commit")
    page.wait_for_selector("h1")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 20)"
    reader.complaints = [words for words in reader.complaints if "ERR_FAILED" not in words]


def test_a_button_copies_the_code_and_says_so(browser, site):
    with open_reader(browser, site, permissions=["clipboard-read", "clipboard-write"]) as somebody:
        page = somebody.open(CODE)
        frame = page.locator(".code").first
        frame.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("status").filter(has_text="Copied")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == frame.locator("code").text_content().rstrip("\n")
        assert somebody.complaints == []


@pytest.mark.parametrize(("size", "is_open"), [(PHONE, False), ({"width": 1440, "height": 900}, True)])
def test_contents_are_folded_on_phones_open_where_there_is_room_and_lead_to_the_parts(browser, site, size, is_open):
    with open_reader(browser, site, viewport=size, reduced_motion="reduce") as somebody:
        page = somebody.open(LONG)
        contents = page.get_by_role("navigation", name="Contents")
        link = contents.get_by_role("link").nth(3)
        if not is_open:
            expect(link).to_be_hidden()
            contents.locator("summary").click()
        link.click()
        expect(page.locator(f"[id='{link.get_attribute('href')[1:]}']")).to_be_in_viewport()


def test_without_script_all_is_there_to_be_read_and_used(browser, site):
    with open_reader(browser, site, java_script_enabled=False, viewport=PHONE) as somebody:
        page = somebody.open(LONG)
        expect(page.locator(".prose > p").first).to_be_visible()
        expect(page.locator("#theme")).to_be_hidden()
        page.locator(".contents summary").click()
        expect(page.locator(".contents a").first).to_be_visible()
        page.locator(".seek summary").click()
        page.get_by_label("Search all posts").fill("moss")
        page.get_by_label("Search all posts").press("Enter")
        assert page.url == f"{site}/search/?q=moss"


# Layout shifts: each element with its old and new place.
MOVED = """() => new Promise(tell => {
  const moved = [];
  const place = box => [box.x, box.y, box.width, box.height].join(" ");
  const told = source => `${source.node?.outerHTML?.slice(0, 80) ?? source.node?.nodeName}: ` +
    `${place(source.previousRect)} to ${place(source.currentRect)}`;
  new PerformanceObserver(list => list.getEntries().forEach(entry => moved.push(...entry.sources.map(told))))
    .observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => setTimeout(() => tell(moved)));
})"""


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_moves_while_a_page_comes(browser, site, size):
    with open_reader(browser, site, viewport=size) as somebody:
        moved = {path: somebody.open(path).evaluate(MOVED) for path in ("/", LONG, CODE)}
        assert not any(moved.values()), moved

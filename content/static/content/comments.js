// Loads the form of comments into the post's page when the reader scrolls near it, or clicks a link to it. The form and
// the responses are those of the form's own page, where the links lead without this script.
(() => {
  const section = document.getElementById("comments");
  const place = section && section.querySelector("[data-comment-place]");
  if (!place || !window.DOMParser || !window.fetch) return;
  const status = section.querySelector("[data-comment-status]");
  const first = place.querySelector("[data-comment]");
  const say = (words) => { status.textContent = words; };
  // Only the latest request may change the page.
  let latest = 0;

  const current = () => section.querySelector("#comment-form");

  const formIn = (html) => {
    const found = new DOMParser().parseFromString(html, "text/html").getElementById("comment-form");
    return found && document.importNode(found, true);
  };

  const ask = async (url, options) => {
    const number = ++latest;
    const answer = await fetch(url, { credentials: "same-origin", ...options });
    const form = formIn(await answer.text());
    if (!form) throw new Error(`no form in the answer (${answer.status})`);
    return number === latest ? form : null;
  };

  // Typed text moves with the form to another comment.
  const keepWords = (from, to) => {
    for (const name of ["name", "email", "text"]) {
      const [old, fresh] = [from, to].map((form) => form && form.querySelector(`[name="${name}"]`));
      if (old && fresh && !fresh.value) fresh.value = old.value;
    }
  };

  const show = (form, where, focus) => {
    const before = current();
    if (before) keepWords(before, form);
    if (before) before.remove();
    place.hidden = where !== place;
    if (where === place) place.replaceChildren(form);
    else where.append(form);
    const marked = form.querySelector("[data-focus]");
    if (focus) (marked || form.querySelector("textarea") || form).focus();
  };

  const open = async (link, focus) => {
    const url = new URL(link.href);
    const comment = url.searchParams.has("reply_to") ? link.closest(".thread > li") : null;
    try {
      if (focus) say("The form is on its way.");
      const form = await ask(url);
      if (form) show(form, comment || place, focus || document.activeElement === link);
      say("");
    } catch {
      // The link leads to the same form.
      if (focus) location.assign(link.href);
    }
  };

  const send = async (form) => {
    const box = current();
    const button = form.querySelector("button");
    button.disabled = true;
    box.setAttribute("aria-busy", "true");
    say("Your comment is being sent.");
    try {
      const answer = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!answer) return;
      const thanks = answer.querySelector(".comment-thanks");
      const where = box.parentElement;
      box.remove();
      show(answer, where, true);
      say(thanks ? "Your comment has been sent. It awaits moderation." : "Your comment has not been sent.");
    } catch {
      button.disabled = false;
      box.removeAttribute("aria-busy");
      fail(box);
    }
  };

  const fail = (box) => {
    box.querySelector(".comment-errors")?.remove();
    const note = document.createElement("p");
    note.className = "comment-errors";
    note.setAttribute("role", "alert");
    note.textContent = "Your comment could not be sent. What you typed is still here: please try again.";
    box.querySelector("form").before(note);
    say("");
  };

  section.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-comment]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(link, true);
  });

  section.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target);
  });

  if (window.IntersectionObserver) {
    const near = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      // A form that the reader requested already is not replaced.
      if (!latest) open(first, false);
    }, { rootMargin: "400px" });
    near.observe(place);
  }
})();

// Unsaved text: a warning before it is left, and a draft in this browser until the server says that it is saved.
"use strict";

// In a block: the admin's scripts share their names.
{
  const PREFIX = "evergreen-draft:";
  const PAUSE = 400; // milliseconds without a change before the draft is kept
  const LARGEST = 1_000_000; // characters of one draft
  const MOST = 20; // drafts
  const LIFETIME = 14 * 24 * 3600 * 1000;
  // They say nothing of what was written, or are made anew.
  const NOT_KEPT = ["csrfmiddlewaretoken", "_draft", "_restore", "based_on"];
  const USER = document.currentScript.dataset.user;

  // It may be forbidden, full, or written by something else: what cannot be read is no draft.
  const store = (() => {
    try {
      return localStorage;
    } catch {
      return null;
    }
  })();

  const drafts = {
    all() {
      const found = [];
      for (const key of Object.keys(store ?? {}).filter((key) => key.startsWith(PREFIX))) {
        try {
          const draft = JSON.parse(store.getItem(key));
          if (Array.isArray(draft.entries) && draft.at > Date.now() - LIFETIME) found.push({ ...draft, key });
          else store.removeItem(key);
        } catch {
          store.removeItem(key);
        }
      }
      return found.sort((one, other) => other.at - one.at);
    },
    keep(id, draft) {
      const text = JSON.stringify(draft);
      if (text.length > LARGEST) return this.drop(id);
      try {
        store.setItem(PREFIX + id, text);
        for (const old of this.all().slice(MOST)) store.removeItem(old.key);
      } catch {
        // No room: the form itself still has the text.
      }
    },
    drop(id) {
      store?.removeItem(PREFIX + id);
    },
  };

  function button(words, act) {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: words });
    made.addEventListener("click", act);
    return made;
  }

  class UnsavedForm {
    constructor(field) {
      this.form = field.form;
      this.path = location.pathname;
      this.id = field.value ||= `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
      this.basedOn = this.form.elements.based_on?.value ?? "";
      // What the server gave back unsaved, and what the browser filled in again on the way back.
      this.isUnsaved = "unsaved" in field.dataset || this.isFilledIn();
      this.shown = JSON.stringify(this.entries());
      this.offer();
      if (this.isUnsaved) this.keep();
      for (const kind of ["input", "change"]) this.form.addEventListener(kind, () => this.later());
      this.form.addEventListener("submit", () => {
        this.isDropped = false;
        this.keep();
        this.isLeft = true;
      });
      this.form.querySelector("[data-discard]")?.addEventListener("click", () => {
        drafts.drop(this.id);
        this.isLeft = true;
      });
      addEventListener("pageshow", (event) => {
        if (event.persisted) this.isLeft = false;
      });
      addEventListener("pagehide", () => this.isLeft || this.keep());
      addEventListener("storage", (event) => {
        if (event.key === PREFIX + this.id && event.newValue === null) this.isDropped = true;
      });
      addEventListener("beforeunload", (event) => {
        if (!this.isLeft && this.isChanged()) event.preventDefault();
      });
    }

    entries() {
      return [...new FormData(this.form)].filter(([name, value]) => typeof value === "string" && !NOT_KEPT.includes(name));
    }

    isFilledIn() {
      return [...this.form.elements].some((field) =>
        field.matches("textarea, input:is([type=text], [type=number], [type=url])") && field.value !== field.defaultValue);
    }

    isChanged() {
      return this.isUnsaved || JSON.stringify(this.entries()) !== this.shown;
    }

    later() {
      this.isDropped = false;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(), PAUSE);
    }

    keep() {
      clearTimeout(this.timer);
      // Dropped by another window, or by a logout: until the next change it stays so.
      if (this.isDropped) return;
      if (!this.isChanged()) return drafts.drop(this.id);
      drafts.keep(this.id, {
        user: USER, path: this.path, at: Date.now(), based_on: this.basedOn, entries: this.entries(),
      });
    }

    // Those of this form that no page of this window is about.
    offer() {
      for (const draft of drafts.all()) {
        if (draft.user === USER && draft.path === this.path && draft.key !== PREFIX + this.id) this.show(draft);
      }
    }

    show(draft) {
      const when = new Date(draft.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
      const offer = Object.assign(document.createElement("p"), { className: "draft-offer" });
      offer.setAttribute("role", "status");
      offer.append(
        `Text of ${when} that was not saved is kept in this browser. `,
        button("Restore it", () => this.restore(draft)),
        button("Discard it", () => {
          store.removeItem(draft.key);
          offer.remove();
        }),
      );
      this.form.prepend(offer);
    }

    // The server puts it into the form, beside what is saved now.
    restore(draft) {
      const form = Object.assign(document.createElement("form"), { method: "post", hidden: true });
      const token = this.form.elements.csrfmiddlewaretoken.value;
      const more = [["csrfmiddlewaretoken", token], ["_draft", draft.key.slice(PREFIX.length)], ["_restore", "1"]];
      for (const [name, value] of [...draft.entries, ["based_on", draft.based_on], ...more]) {
        const field = Object.assign(document.createElement("textarea"), { name, value });
        form.append(field);
      }
      document.body.append(form);
      form.submit();
    }
  }

  // The server names the draft that it has saved in a cookie.
  function dropSaved() {
    const saved = document.cookie.match(/(?:^|; )saved_draft=([0-9a-z-]+)/);
    if (!saved) return;
    drafts.drop(saved[1]);
    document.cookie = `saved_draft=; Max-Age=0; path=${document.querySelector("#site-name a")?.pathname ?? "/admin/"}`;
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!USER) return;
    dropSaved();
    const field = document.querySelector("#content-main form [name=_draft]");
    const unsaved = field && new UnsavedForm(field);
    // Nothing private is left to the next who uses this browser. Forms in other windows notice, and keep nothing more.
    document.querySelector("#logout-form")?.addEventListener("submit", () => {
      if (unsaved) unsaved.isDropped = true;
      for (const draft of drafts.all()) store.removeItem(draft.key);
    });
  });
}

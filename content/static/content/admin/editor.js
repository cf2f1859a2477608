// The preview beside the editor, its count of words, and images put in at the cursor.
"use strict";

const PAUSE = 300; // milliseconds without a key before the server is asked

class Editor {
  constructor(root) {
    this.root = root;
    this.text = root.querySelector("textarea");
    this.frame = root.querySelector("iframe");
    this.count = root.querySelector("[data-count]");
    this.trouble = root.querySelector("[data-trouble]");
    this.prepareFrame();
    this.text.addEventListener("input", () => this.later());
    const button = root.querySelector(".editor-image");
    button.hidden = false;
    button.addEventListener("click", () => this.insertImage());
    this.render();
  }

  prepareFrame() {
    const page = this.frame.contentDocument;
    page.documentElement.lang = document.documentElement.lang;
    const theme = document.documentElement.dataset.theme;
    if (theme === "light" || theme === "dark") page.documentElement.dataset.theme = theme;
    for (const href of this.frame.dataset.styles.split(" ")) {
      const link = page.createElement("link");
      link.rel = "stylesheet";
      link.href = new URL(href, location.href);
      page.head.append(link);
    }
    const base = page.createElement("base");
    base.target = "_blank";
    page.head.append(base);
    page.body.className = "preview-body";
    this.shown = page.createElement("div");
    this.shown.className = "prose";
    page.body.append(this.shown);
    this.frame.parentElement.hidden = false;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.render(), PAUSE);
  }

  // What was asked before and has not come yet is not wanted any more.
  async render() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const answer = await fetch(this.root.dataset.render, {
        method: "POST",
        headers: { "X-CSRFToken": csrfToken() },
        body: new URLSearchParams({ body: this.text.value }),
        signal: asking.signal,
      });
      this.show(await spoken(answer));
    } catch (error) {
      if (error.name !== "AbortError") this.complain(error.message);
    }
  }

  show({ html, words, minutes }) {
    this.trouble.hidden = true;
    this.shown.innerHTML = html; // sanitised by the server, in a frame that runs no script
    this.count.textContent = `${words.toLocaleString()} ${words === 1 ? "word" : "words"}, ${minutes} min read`;
  }

  complain(words) {
    this.trouble.textContent = words;
    this.trouble.hidden = false;
  }

  async insertImage() {
    const { start, end } = { start: this.text.selectionStart, end: this.text.selectionEnd };
    const image = await pickImage(this.root.dataset, { describes: true });
    this.text.focus();
    if (!image) return;
    const alt = image.alt.replace(/[\[\]\\]/g, "\\$&").replace(/\s+/g, " ");
    const { before, after } = apart(this.text.value.slice(0, start), this.text.value.slice(end));
    this.text.setRangeText(`${before}![${alt}](${image.url})${after}`, start, end, "end");
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// An image is a paragraph of its own where the line that it is put into begins or ends there; in a line it stays in it.
function apart(left, right) {
  const ends = /^[ \t]*(\n|$)/.test(right);
  const begins = /(^|\n)$/.test(left);
  if (!ends && !begins) return { before: "", after: "" };
  return {
    before: /(^|\n\n)$/.test(left) ? "" : begins ? "\n" : "\n\n",
    after: /^\s*$/.test(right) || /^[ \t]*\n\n/.test(right) ? "" : /^[ \t]*\n/.test(right) ? "\n" : "\n\n",
  };
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-editor]")) new Editor(root);
});

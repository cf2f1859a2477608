// The dialog of images: search, choose, upload. `pickImage` answers with the chosen one, or null.
"use strict";

function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

// What a view of ours answered; an Error with words for people where it was no answer.
async function spoken(answer) {
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  const said = isJson ? await answer.json() : {};
  if (answer.ok && isJson) return said;
  throw new Error(said.error || said.errors?.join(" ") || "The server did not answer as expected. Are you still logged in?");
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function labelled(words, input) {
  return element("label", { className: "picker-label" }, element("span", { textContent: words }), input);
}

class Picker {
  constructor({ picker, upload }, { describes }) {
    this.urls = { picker, upload };
    this.describes = describes;
    this.chosen = null;
    this.build();
  }

  build() {
    this.query = element("input", { type: "search", maxLength: 100 });
    this.list = element("ul", { className: "picker-list" });
    this.more = element("button", { type: "button", className: "button", textContent: "Show more", hidden: true });
    this.said = element("p", { className: "picker-said", role: "status" });
    this.alt = element("input", { type: "text", maxLength: 500 });
    this.use = element("button", { type: "button", className: "button default", disabled: true });
    this.use.textContent = this.describes ? "Insert" : "Use this image";
    const cancel = element("button", { type: "button", className: "button", textContent: "Cancel" });
    const title = element("h2", { id: "picker-title", textContent: "Choose an image" });
    this.described = labelled("What it shows, for those who cannot see it", this.alt);
    this.described.hidden = !this.describes;
    this.dialog = element(
      "dialog", { className: "picker" }, title, labelled("Search", this.query), this.said, this.list, this.more,
      this.uploadForm(), this.described, element("p", { className: "picker-buttons" }, this.use, cancel),
    );
    this.dialog.setAttribute("aria-labelledby", title.id);
    this.query.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), 250);
    });
    this.more.addEventListener("click", () => this.load(this.next));
    this.use.addEventListener("click", () => this.finish());
    cancel.addEventListener("click", () => this.dialog.close());
  }

  uploadForm() {
    const file = element("input", { type: "file", accept: "image/avif,image/gif,image/jpeg,image/png,image/webp" });
    const alt = element("input", { type: "text", maxLength: 500 });
    const send = element("button", { type: "submit", className: "button", textContent: "Upload" });
    file.required = true;
    const form = element(
      "form", {}, labelled("An image from this device", file),
      labelled("What it shows", alt), send,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.upload(form, file.files[0], alt.value);
    });
    return element("details", { className: "picker-upload" }, element("summary", { textContent: "Upload a new one" }), form);
  }

  async upload(form, file, alt) {
    const data = new FormData();
    data.append("file", file);
    data.append("alt_text", alt);
    this.say("Uploading…");
    try {
      const headers = { "X-CSRFToken": csrfToken() };
      const image = await spoken(await fetch(this.urls.upload, { method: "POST", headers, body: data }));
      form.reset();
      this.list.prepend(this.row(image));
      this.choose(image);
      this.say(`${image.name} is uploaded and chosen.`);
      // What comes next is below: its description, or its use.
      form.closest("details").open = false;
      (this.described.hidden ? this.use : this.described.querySelector("input")).focus();
    } catch (error) {
      this.say(error.message);
    }
  }

  search() {
    this.list.replaceChildren();
    return this.load(1);
  }

  // The answer to an older question is not shown.
  async load(page) {
    const asked = (this.asked = new URLSearchParams({ q: this.query.value, page }));
    try {
      const { items, next } = await spoken(await fetch(`${this.urls.picker}?${asked}`));
      if (asked !== this.asked) return;
      this.list.append(...items.map((image) => this.row(image)));
      this.next = next;
      this.more.hidden = next === null;
      this.say(this.list.children.length ? "" : "No image was found.");
    } catch (error) {
      this.say(error.message);
    }
  }

  row(image) {
    const picture = element("img", { src: image.url, alt: image.alt, loading: "lazy" });
    const name = element("span", { textContent: image.name });
    const button = element("button", { type: "button", className: "picker-item" }, picture, name);
    button.dataset.id = image.id;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.choose(image));
    button.addEventListener("dblclick", () => this.finish());
    return element("li", {}, button);
  }

  choose(image) {
    this.chosen = image;
    this.alt.value = image.alt;
    this.use.disabled = false;
    for (const button of this.list.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.id === String(image.id)));
    }
  }

  // A picture in a text says what it shows; leaving that empty takes a second press.
  finish() {
    if (this.describes && !this.alt.value.trim() && !this.warned) {
      this.warned = true;
      this.say("Say what it shows. If it is decoration alone, press Insert again.");
      this.alt.focus();
      return;
    }
    this.dialog.returnValue = "chosen";
    this.dialog.close("chosen");
  }

  say(words) {
    this.said.textContent = words;
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.search();
    return new Promise((resolve) => {
      this.dialog.addEventListener("close", () => {
        this.dialog.remove();
        const isChosen = this.dialog.returnValue === "chosen" && this.chosen;
        resolve(isChosen ? { ...this.chosen, alt: this.describes ? this.alt.value.trim() : this.chosen.alt } : null);
      });
    });
  }
}

function pickImage(urls, options) {
  return new Picker(urls, options).open();
}

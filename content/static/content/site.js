// Extras of a page. Everything works without this script, with a little less comfort.

// --- a button for light and dark ---

(() => {
  const button = document.getElementById("theme");
  if (!button) return;
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => root.dataset.theme || (system.matches ? "dark" : "light");
  const show = () => button.setAttribute("aria-pressed", String(theme() === "dark"));

  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
    show();
  });
  system.addEventListener("change", show);
  show();
  button.hidden = false;
})();

// --- an open post asks again when its tab is shown, and offers the new text ---

(() => {
  const article = document.querySelector("article.post");
  if (!article) return;
  // Milliseconds out of sight, after which the page asks.
  const AWAY = 10_000;
  const SHOWN = [".post-title", ".standfirst", ".prose"];
  const textOf = (root) => SHOWN.map((name) => root.querySelector(name)?.textContent.trim() ?? "").join("\n");
  // Before the scripts below add buttons.
  const text = textOf(article);
  let hiddenAt = 0;

  const offer = (message) => {
    article.querySelector(".offer")?.remove();
    const box = document.createElement("p");
    box.className = "offer";
    box.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = "Show it";
    button.addEventListener("click", () => location.reload());
    box.append(message, button);
    article.prepend(box);
  };

  const ask = async () => {
    const response = await fetch(location.href, { cache: "no-cache" });
    if (response.status === 404 || response.status === 410) return offer("This post is no longer published. ");
    if (!response.ok) return;
    const found = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("article.post");
    if (found && textOf(found) !== text) offer("There is a new version of this post. ");
  };

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hiddenAt = Date.now();
    else if (hiddenAt && Date.now() - hiddenAt >= AWAY) ask().catch(() => {});
  });
})();

// --- search: focus when it opens; Escape, or a click elsewhere, closes it ---

(() => {
  const seek = document.querySelector(".seek");
  if (!seek) return;
  seek.addEventListener("toggle", () => seek.open && seek.querySelector("input").focus());
  seek.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !seek.open) return;
    seek.open = false;
    seek.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!seek.contains(event.target)) seek.open = false;
  });
})();

// --- contents: open where there is room beside the text ---

(() => {
  const contents = document.getElementById("contents");
  if (!contents) return;
  const room = matchMedia("(min-width: 80rem)");
  const fit = () => {
    contents.open = room.matches;
  };
  room.addEventListener("change", fit);
  fit();
})();

// --- frames that scroll: a name and keyboard access while they overflow ---

(() => {
  const frames = document.querySelectorAll(".prose .wide, .prose .code > pre");
  const names = { DIV: "Table", PRE: "Code" };
  const mark = (frame) => {
    if (frame.scrollWidth > frame.clientWidth) {
      frame.tabIndex = 0;
      frame.setAttribute("role", "group");
      frame.setAttribute("aria-label", `${names[frame.tagName]}, scrolls sideways`);
    } else {
      ["tabindex", "role", "aria-label"].forEach((name) => frame.removeAttribute(name));
    }
  };
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  frames.forEach((frame) => observer.observe(frame));
})();

// --- a button that copies code ---

(() => {
  if (!navigator.clipboard) return;
  const SHOWN = 2000;
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");

  const copy = async (button, code) => {
    try {
      await navigator.clipboard.writeText(code.textContent.replace(/\n$/, ""));
      button.textContent = said.textContent = "Copied";
    } catch {
      button.textContent = said.textContent = "Not copied";
    }
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, SHOWN);
  };

  const frames = document.querySelectorAll(".prose .code");
  for (const frame of frames) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => copy(button, frame.querySelector("code") || frame.querySelector("pre")));
    frame.append(button);
  }
  if (frames.length) document.body.append(said);
})();

// Who else has this post open, and whether somebody has saved it since: by a WebSocket. Without one the form works as before.
"use strict";

{
  const FIRST_PAUSE = 1000; // milliseconds until the first attempt to connect again; each pause is twice the last
  const LONGEST_PAUSE = 30_000;
  const FORBIDDEN = 4403; // logged out, or no permission: no attempt would help

  function list(names) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  }

  function describeOthers({ others, is_open_twice: isOpenTwice }) {
    const parts = [];
    if (others.length) parts.push(`${list(others)} ${others.length === 1 ? "has" : "have"} this post open as well.`);
    if (isOpenTwice) parts.push("You have this post open in another window.");
    return parts.join(" ");
  }

  function describeSave({ by, at, is_deletion: isDeletion }) {
    const time = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const who = by ?? "You";
    const where = by === null ? ", in another window" : "";
    if (isDeletion) return `${who} deleted this post at ${time}${where}. If you save, your text becomes a new post.`;
    return `${who} saved this post at ${time}${where}. Reload the page to see it, or save: then you compare both texts.`;
  }

  class Presence {
    constructor(element) {
      this.element = element;
      this.others = element.appendChild(document.createElement("p"));
      this.saved = element.appendChild(document.createElement("p"));
      this.saved.className = "presence-saved";
      this.pause = FIRST_PAUSE;
      this.connect();
      // The tab that saves need not hear of its own save.
      element.closest("form").addEventListener("submit", () => this.end());
      addEventListener("pagehide", () => this.end());
      addEventListener("pageshow", (event) => {
        if (event.persisted) this.connect();
      });
    }

    connect() {
      clearTimeout(this.timer);
      this.isOver = false;
      const url = new URL("/ops/presence/", location.href);
      url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      url.searchParams.set("post", this.element.dataset.post);
      url.searchParams.set("since", this.element.dataset.since);
      const socket = new WebSocket(url);
      this.socket = socket;
      socket.addEventListener("message", (event) => this.show(JSON.parse(event.data)));
      socket.addEventListener("close", (event) => {
        if (socket === this.socket) this.retry(event.code);
      });
    }

    // After a restart of the server all browsers come back: not all in the same moment.
    retry(code) {
      this.others.textContent = "";
      if (this.isOver || code === FORBIDDEN) return;
      this.timer = setTimeout(() => this.connect(), this.pause * (0.5 + Math.random() / 2));
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    }

    end() {
      this.isOver = true;
      clearTimeout(this.timer);
      this.socket.close();
    }

    show(message) {
      this.pause = FIRST_PAUSE;
      const others = describeOthers(message);
      const saved = message.saved ? describeSave(message.saved) : "";
      // What has not changed is not read to anybody again.
      if (this.others.textContent !== others) this.others.textContent = others;
      if (this.saved.textContent !== saved) this.saved.textContent = saved;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const element = document.querySelector(".presence[data-post]");
    if (element && "WebSocket" in window) new Presence(element);
  });
}

// Rows of the menu: added, moved up and down, removed. Without this script two empty rows are there each time.
"use strict";

function menuRows(root) {
  const list = root.querySelector("ol");

  function button(words, title, act) {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", className: "button menu-button", textContent: words, title });
    made.setAttribute("aria-label", title);
    made.addEventListener("click", act);
    return made;
  }

  function dress(row) {
    row.append(
      button("↑", "Move up", (event) => {
        row.previousElementSibling?.before(row);
        event.currentTarget.focus();
      }),
      button("↓", "Move down", (event) => {
        row.nextElementSibling?.after(row);
        event.currentTarget.focus();
      }),
      button("×", "Remove", () => {
        (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("input").focus();
        row.remove();
      }),
    );
  }

  const empty = list.lastElementChild.cloneNode(true);
  for (const row of list.children) dress(row);
  root.append(
    button("Add an entry", "Add an entry", () => {
      const row = empty.cloneNode(true);
      dress(row);
      list.append(row);
      row.querySelector("input").focus();
    }),
  );
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-menu]")) menuRows(root);
});

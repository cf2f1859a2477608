// The cover of a post: chosen in the dialog, shown as a picture.
"use strict";

function coverField(root) {
  const field = root.querySelector("input");
  const shown = root.querySelector(".cover-shown");
  const remove = root.querySelector("[data-remove]");
  const choose = root.querySelector("[data-choose]");

  function set(image) {
    field.value = image ? image.id : "";
    shown.hidden = remove.hidden = !image;
    if (image) Object.assign(shown.querySelector("img"), { src: image.url, alt: image.alt || image.name });
  }

  choose.addEventListener("click", async () => {
    const image = await pickImage(root.dataset, { describes: false });
    choose.focus();
    if (!image) return;
    set(image);
    const alt = document.getElementById("id_cover_alt");
    if (alt && !alt.value) alt.value = image.alt;
  });
  remove.addEventListener("click", () => {
    set(null);
    choose.focus();
  });
}

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-cover]")) coverField(root);
});

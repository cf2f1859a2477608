// The reader's choice of light or dark, before anything is painted. Without one the site follows their system.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then nothing was chosen.
  }
})();

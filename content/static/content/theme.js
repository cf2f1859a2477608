// Applies the reader's choice of light or dark before the first paint. Without a choice the site follows the system.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then there is no choice.
  }
})();

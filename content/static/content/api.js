/* The API's page: Swagger UI, from this host alone, and named for whoever hears it. */

(() => {
  const place = document.getElementById("api");

  // Adds names, headings and keyboard access that Swagger UI lacks.
  const set = (selector, name, value) => {
    for (const element of place.querySelectorAll(selector)) {
      const wanted = typeof value === "function" ? value(element) : value;
      if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
    }
  };

  const parameterOf = (element) => element.closest("tr")?.dataset.paramName ?? "media type";

  const mend = () => {
    set("h3.opblock-tag", "role", "heading");
    set("h3.opblock-tag", "aria-level", "2");
    set("h4", "aria-level", "3");
    set("h4", "role", "heading");
    set("h5", "aria-level", "4");
    set("h5", "role", "heading");
    set("select", "aria-label", parameterOf);
    set("input", "aria-label", parameterOf);
    set("pre", "tabindex", "0");
    set(".copy-to-clipboard button", "aria-label", "Copy");
    set("button:empty", "aria-label", "Copy");
  };

  new MutationObserver(mend).observe(place, { childList: true, subtree: true });

  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    tryItOutEnabled: true,
    supportedSubmitMethods: ["get"],
    defaultModelsExpandDepth: -1,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
})();

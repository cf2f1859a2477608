/* The API's page: Swagger UI, from this host alone, in the light that the site is in. */

(() => {
  const place = document.getElementById("api");
  const root = document.documentElement;
  const darkness = matchMedia("(prefers-color-scheme: dark)");

  const dress = () => {
    const chosen = root.dataset.theme;
    root.classList.toggle("dark-mode", chosen ? chosen === "dark" : darkness.matches);
  };

  dress();
  darkness.addEventListener("change", dress);
  new MutationObserver(dress).observe(root, { attributeFilter: ["data-theme"] });

  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    deepLinking: true,
    tryItOutEnabled: true,
    supportedSubmitMethods: ["get"],
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
})();

// Runs before the first paint, so that the page never shows in the other theme first.
(() => {
  const stored = localStorage.getItem("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = chosen;
  };
  document.documentElement.dataset.theme = stored ?? (dark.matches ? "dark" : "light");
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  // Charts are drawn in the theme's colours.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", apply);
})();

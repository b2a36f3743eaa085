// Runs before the first paint, so that the page never shows in the other theme first.
(() => {
  const isWall = new URLSearchParams(location.search).has("tv");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem("theme") ?? (isWall || dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = chosen;
  };
  if (isWall) document.documentElement.dataset.tv = "";
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  // Charts are drawn in the theme's colours.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", apply);
})();

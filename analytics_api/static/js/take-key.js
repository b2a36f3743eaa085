// Takes the read key out of the address before anything else runs. The address is replaced by a
// navigation, as history.replaceState would leave it among the visited ones that browsers list. A key
// that this browser has is replaced only after the one of the link has been checked.
(() => {
  const FROM_LINK = "engage.key_of_link";
  const KEY = /eng_\w+/;
  function take() {
    const fragment = decoded(location.hash.slice(1));
    const query = new URLSearchParams(location.search);
    const given =
      KEY.exec(fragment)?.[0] ?? new URLSearchParams(fragment).get("key") ?? query.get("key") ?? "";
    if (!given) return;
    sessionStorage.setItem(FROM_LINK, given);
    // The page that is left must not begin.
    document.documentElement.dataset.leaving = "";
    query.delete("key");
    location.replace(location.pathname + (query.size ? `?${query}` : ""));
  }
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }
  addEventListener("hashchange", take);
  take();
})();

// Takes the read key out of the address before anything else runs. The address is replaced by a
// navigation, as history.replaceState would leave it among the visited ones that browsers list.
(() => {
  const NAME = "engage.read_key";
  const KEY = /eng_\w+/;
  function take() {
    const fragment = decoded(location.hash.slice(1));
    const query = new URLSearchParams(location.search);
    const given =
      KEY.exec(fragment)?.[0] ?? new URLSearchParams(fragment).get("key") ?? query.get("key") ?? "";
    if (!given) return;
    localStorage.setItem(NAME, given);
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

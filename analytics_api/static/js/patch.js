// Updates elements in place. What the reader has focused, opened or pressed stays the same element.

const LISTENERS = Symbol("listeners");
const OWNED = Symbol("owned");
const USERS_STATE = new Set(["open"]);
const waiting = new Map();
let pressed = null;

/** Set the listener of an event; a later one replaces it. */
export function setListener(element, name, listener) {
  element[LISTENERS] ??= {};
  if (!(name in element[LISTENERS]))
    element.addEventListener(name, (event) => element[LISTENERS][name](event));
  element[LISTENERS][name] = listener;
}

/** Mark an element that updates itself: it is moved or removed, but never turned into another one. */
export function owned(element) {
  element[OWNED] = true;
  return element;
}

/**
 * Give an element these children. Those of the same key (id or data attributes) or, without one, of the same
 * name and order are changed in place. Deferred while a pointer button is down.
 */
export function patch(element, children) {
  if (pressed) waiting.set(element, children);
  else patchChildren(element, children.map(asNode));
}

/** Replace all children, also those in use: they belong to something else than what is shown now. */
export function replace(element, children) {
  waiting.delete(element);
  element.replaceChildren(...children);
}

const asNode = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));

function patchChildren(parent, wanted) {
  const free = [...parent.childNodes];
  const nodes = wanted.map((node) => {
    const place = free.findIndex((candidate) => matches(candidate, node));
    if (place < 0) return node;
    const [found] = free.splice(place, 1);
    patchNode(found, node);
    return found;
  });
  for (const node of free) {
    if (isInUse(node)) nodes.splice([...parent.childNodes].indexOf(node), 0, node);
    else node.remove();
  }
  arrange(parent, nodes);
}

function matches(node, wanted) {
  if (node === wanted) return true;
  if (node[OWNED] || wanted[OWNED] || node.nodeName !== wanted.nodeName) return false;
  return keyOf(node) === keyOf(wanted);
}

const keyOf = (node) => node.id || Object.values(node.dataset ?? {}).join(" ");

function patchNode(node, wanted) {
  if (node === wanted) return;
  if (!(node instanceof Element)) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name, value } of wanted.attributes)
    if (name !== "style" && node.getAttribute(name) !== value) {
      node.setAttribute(name, value);
      if (name === "value" && node instanceof HTMLInputElement) node.value = value;
    }
  for (const { name } of [...node.attributes])
    if (name !== "style" && !wanted.hasAttribute(name) && !USERS_STATE.has(name)) node.removeAttribute(name);
  // The attribute itself would need an exception to the Content Security Policy.
  if (node.style.cssText !== wanted.style.cssText) node.style.cssText = wanted.style.cssText;
  for (const name of Object.keys(node[LISTENERS] ?? {})) node[LISTENERS][name] = () => {};
  for (const [name, listener] of Object.entries(wanted[LISTENERS] ?? {})) setListener(node, name, listener);
  patchChildren(node, [...wanted.childNodes]);
}

const isInUse = (node) =>
  (document.activeElement !== document.body && node.contains(document.activeElement)) ||
  (pressed !== null && node.contains(pressed));

/** Bring nodes into this order. One that is in use is not moved, as it would lose the focus. */
function arrange(parent, nodes) {
  const fixed = nodes.findIndex((node) => node.parentNode === parent && isInUse(node));
  let next = null;
  for (let place = nodes.length - 1; place >= 0; place -= 1) {
    const node = nodes[place];
    if (place !== fixed && (node.parentNode !== parent || node.nextSibling !== next))
      parent.insertBefore(node, next);
    next = node;
  }
}

function release() {
  // After the click, which follows the release of the button.
  setTimeout(() => {
    pressed = null;
    const updates = [...waiting];
    waiting.clear();
    for (const [element, children] of updates) patch(element, children);
  });
}

addEventListener("pointerdown", (event) => (pressed = event.target), true);
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, release, true);
addEventListener("blur", release);

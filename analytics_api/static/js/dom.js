// Elements from names, properties and children. Text only ever becomes text nodes.

import { owned, patch, replace, setListener } from "./patch.js";

export { owned };

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. Properties: class, attributes, `on…` listeners, `data` and `vars` objects. */
export function el(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** Make an SVG element. */
export function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) setListener(element, name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "vars")
      for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else element.setAttribute(name, value === true ? "" : typeof value === "string" ? clean(value) : value);
  }
  element.append(...present(children));
  return element;
}

const present = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "string" ? clean(child) : child));

/** Text without the characters that turn the direction of what follows them. */
export const clean = (text) => text.replace(/[\u202a-\u202e]/g, "");

/** A name of the catalogue, whose direction is its own and changes nothing around it. */
export const named = (text) => el("bdi", {}, `${text}`.replace(/[\u2066-\u2069]/g, ""));

/** Give an element these children in place: what the reader uses is kept. */
export const update = (element, ...children) => patch(element, present(children));

/** Replace the children of an element, which were of another filter or page. */
export const renew = (element, ...children) => replace(element, present(children));

export const byId = (id) => document.getElementById(id);

/** Text for screen readers alone. */
export const spoken = (text) => el("span", { class: "hidden-text" }, text);

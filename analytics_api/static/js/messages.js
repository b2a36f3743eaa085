// The page's texts in the chosen language. The server chooses the language, and loads its file before this script:
// languages.py. A text with plural forms is an object by category, chosen by its value `count`.

const { locale: chosen, texts } = globalThis.messages;
const forms = new Intl.PluralRules(chosen);
const number = new Intl.NumberFormat(chosen, { maximumFractionDigits: 2 });
const PLACEHOLDER = /\{(\w+)\}/;

/** The locale of numbers, dates and lists, such as en-GB. */
export const locale = chosen;

/** Whether a text has this key, which is a code of the API. */
export const isKnown = (key) => key in texts;

/** A text in parts: strings, and the values of its placeholders, which can be elements. */
export function rich(key, values = {}) {
  const found = texts[key];
  if (found === undefined) throw new Error(`no text has the key ${key}`);
  const text = typeof found === "string" ? found : (found[forms.select(values.count)] ?? found.other);
  return text.split(PLACEHOLDER).map((part, place) => (place % 2 ? written(values[part], part) : part));
}

/** A text as a string. */
export const t = (key, values) => rich(key, values).join("");

function written(value, name) {
  if (value === undefined) throw new Error(`the placeholder ${name} has no value`);
  return typeof value === "number" ? number.format(value).replace("-", "−") : value;
}

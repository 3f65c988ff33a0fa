// Elements, and values as the page shows them. Texts of the data only ever become text nodes.

export const byId = (id) => document.getElementById(id);

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// What the items of this model are called; set once the service has told it.
export const words = {
  one: "film",
  get many() { return `${this.one}s`; },
  count(n) { return `${n.toLocaleString("en")} ${n === 1 ? this.one : this.many}`; },
};

// A text of the data, in its own direction of writing.
export const isolated = (text) => element("bdi", "", text);

export function stars(value, [low, high]) {
  const decimals = high - low < 2 ? 2 : high - low > 20 ? 0 : 1;
  const text = value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1");
  const range = low < 0 ? ` (${low} to ${high})` : high === 5 ? "" : ` of ${high}`;
  const made = element("span", "stars", text + range);
  made.setAttribute("aria-label", range ? `rating ${text}${range}` : `${text} stars`);
  made.setAttribute("role", "img");
  return made;
}

// What somebody gave: a rating, a count, or null where the data has none for it.
export function given(value, scale) {
  if (value === null) return element("span", "count", "not rated");
  return scale ? stars(value, scale) : element("span", "count", value.toLocaleString("en"));
}

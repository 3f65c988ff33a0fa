// Lists of items: recommended ones with their reasons, rated ones with the ratings, and the visitor's own ratings.

import { byId, element, given, isolated, stars, words } from "./dom.js";
import { itemLink, mine, place } from "./state.js";

const SHOWN_RATED = 10;

export function itemAnchor(one) {
  const anchor = element("a", "", isolated(one.title));
  anchor.href = itemLink(one.id);
  return anchor;
}

export function itemRow(one, { position, number, extra } = {}) {
  const row = element("li");
  row.dataset.item = one.id;
  if (position) row.append(element("span", "place", `${position}.`));
  row.append(element("span", "title", itemAnchor(one)));
  if (number) row.append(number);
  if (one.genres?.length) row.append(element("p", "genres", isolated(one.genres.join(" · "))));
  if (extra) row.append(extra);
  return row;
}

export function because(reasons) {
  const line = element("p", "because", "because of ");
  reasons.forEach((reason, index) => {
    if (index) line.append(" and ");
    line.append(itemAnchor(reason), ` (${Math.round(100 * reason.share)}\u00a0%)`);
  });
  return line;
}

function mark(reasons, on) {
  for (const reason of reasons) {
    byId("rated").querySelector(`[data-item="${CSS.escape(reason.id)}"]`)?.classList.toggle("reason", on);
  }
}

// onRate: what each row's button does, for visitors who rate; without it the rows have none.
export function showRecommended(recommended, scale, onRate) {
  byId("recommended").replaceChildren(...recommended.map((one, index) => {
    const extra = element("div", "extra");
    if (one.because?.length) extra.append(because(one.because));
    if (onRate) extra.append(button(scale ? "Rate" : "Choose", `${scale ? "Rate" : "Choose"} ${one.title}`, () => onRate(one)));
    const number = one.stars === null || one.stars === undefined ? null : stars(one.stars, scale);
    const row = itemRow(one, { position: index + 1, number, extra });
    row.addEventListener("pointerenter", () => mark(one.because ?? [], true));
    row.addEventListener("pointerleave", () => mark(one.because ?? [], false));
    return row;
  }));
}

export function showRated(user) {
  const rows = user.rated_items.map((one) => itemRow(one, { number: given(one.value, user.scale) }));
  const more = byId("rated-more");
  const fold = (folded) => {
    rows.forEach((row, index) => { row.hidden = folded && index >= SHOWN_RATED; });
    more.textContent = folded ? `Show all ${rows.length}` : `Show the first ${SHOWN_RATED}`;
    more.setAttribute("aria-expanded", String(!folded));
    more.onclick = () => fold(!folded);
  };
  fold(true);
  more.hidden = rows.length <= SHOWN_RATED;
  byId("rated").replaceChildren(...rows);
  byId("rated").hidden = !rows.length;
  byId("rated-heading").textContent = `${user.scale ? "Rated" : "Chosen"} ${words.many}: ${user.rated.toLocaleString("en")}`;
  byId("rated-help").textContent = !user.rated
    ? `This user has ${user.scale ? "rated" : "chosen"} none.`
    : user.rated > rows.length
      ? `The ${rows.length} with the highest ${user.scale ? "ratings" : "counts"}.`
      : `With what this user gave, the highest ${user.scale ? "rating" : "count"} first.`;
}

export function button(text, label, onClick) {
  const made = element("button", "small quiet", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}

// The control by which a visitor rates: a star for each whole rating of a short scale, else a number field.
export function ratingControl(one, scale, onChange) {
  const [low, high] = scale;
  const field = element("fieldset", "rate", element("legend", "unseen", `Your rating of ${one.title}`));
  field.dataset.rates = one.id;
  const change = (value) => {
    mine.rate(one, value);
    onChange();
  };
  const current = mine.get(one.id)?.stars ?? null;
  const first = Math.ceil(low);
  if (Math.floor(high) - first > 9 || Math.floor(high) <= first) {
    const input = Object.assign(element("input"), { type: "number", min: low, max: high, step: "any", required: true });
    input.value = current ?? "";
    input.setAttribute("aria-label", `Your rating, ${low} to ${high}`);
    input.addEventListener("change", () => input.reportValidity() && change(Number(input.value)));
    field.append(input, element("span", "hint", ` ${low} to ${high}`));
    return field;
  }
  for (let value = first; value <= high; value += 1) {
    const radio = Object.assign(element("input"), { type: "radio", name: `rating ${one.id}`, checked: value === current });
    radio.value = value;
    radio.setAttribute("aria-label", `${value} of ${high}`);
    radio.addEventListener("change", () => change(value));
    const label = element("label", current !== null && value <= current ? "on" : "", radio);
    if (low > 0 && high <= 5) label.append(element("span", "star"));
    else label.append(element("span", "", String(value)));
    field.append(label);
  }
  return field;
}

export function showMine(scale, onChange) {
  byId("mine").replaceChildren(...mine.all().map((one) => {
    const row = itemRow(one);
    if (scale) row.append(ratingControl(one, scale, onChange));
    row.append(button("Remove", `Remove ${one.title}`, () => {
      mine.remove(one.id);
      onChange();
      byId("search").focus();
    }));
    return row;
  }));
  byId("mine").hidden = byId("clear").hidden = !mine.all().length;
}

export const backLink = () => Object.assign(element("a", "back"), { href: itemLink(null), textContent: place().rate
  ? "← Your ratings" : "← Recommendations" });

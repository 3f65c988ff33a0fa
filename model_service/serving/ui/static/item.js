// The view of one item: what somebody gave it or is predicted to give, why it suits them, and what is similar.

import { byId, element, given, isolated, stars, words } from "./dom.js";
import { backLink, because, button, itemRow, ratingControl } from "./lists.js";
import { mine, place } from "./state.js";

function verdict(one) {
  const { rate, uid } = place();
  if (one.seen) {
    if (rate) return null; // the control shows it
    return element("p", "", one.scale ? "Rated by user " : "Chosen by user ", isolated(uid), ": ", given(one.value, one.scale));
  }
  if (one.stars === null) return null;
  const who = !one.known ? ["somebody unknown"] : rate ? ["you"] : ["user ", isolated(uid)];
  return element("p", "", "Predicted for ", ...who, ": ", stars(one.stars, one.scale));
}

function rate(one, onChange) {
  if (one.scale) return ratingControl(one.item, one.scale, onChange);
  const chosen = mine.get(one.item.id);
  return button(chosen ? "Remove" : "Choose", `${chosen ? "Remove" : "Choose"} ${one.item.title}`, () => {
    if (chosen) mine.remove(one.item.id);
    else mine.add(one.item);
    onChange();
  });
}

// onChange: after the visitor rated it. Returns the heading.
export function showItem(one, onChange) {
  const heading = element("h2", "", isolated(one.item.title));
  heading.id = "item-heading";
  heading.tabIndex = -1;
  const ratings = `${one.item.ratings.toLocaleString("en")} ${one.scale ? "rating" : "choice"}${one.item.ratings === 1 ? "" : "s"}`;
  const facts = element("p", "genres", ...[...one.item.genres, ratings].flatMap((text, index) => [
    ...(index ? [" · "] : []), isolated(text),
  ]));
  const parts = [backLink(), heading, facts, verdict(one)];
  if (one.because.length) parts.push(because(one.because));
  if (place().rate) parts.push(rate(one, onChange));
  byId("item-facts").replaceChildren(...parts.filter(Boolean));
  byId("similar-heading").textContent = `Similar ${words.many}`;
  byId("similar").replaceChildren(...one.similar.map((other, index) => itemRow(other, { position: index + 1 })));
  byId("similar-section").hidden = !one.similar.length;
  return heading;
}

// The search box: an editable combobox with list autocomplete, as the ARIA Authoring Practices Guide has it.

import { request } from "./api.js";
import { byId, element, isolated, words } from "./dom.js";

const PAUSE_MS = 150;
const SUGGESTIONS = 8;

export function searchBox(onPick) {
  const [input, list, said] = ["search", "suggestions", "search-status"].map(byId);
  let found = [];
  let active = -1;
  let timer;
  let running;

  function close() {
    clearTimeout(timer);
    running?.abort();
    found = [];
    active = -1;
    list.replaceChildren();
    list.hidden = true;
    said.textContent = "";
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function move(to) {
    active = (to + found.length) % found.length;
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    input.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function pick(index) {
    const picked = found[index];
    close();
    input.value = "";
    onPick(picked);
  }

  function show(items, text) {
    found = items;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(...items.map((one, index) => {
      const option = element("li", "", isolated(one.title));
      option.id = `suggestion-${index}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    list.hidden = !items.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    said.textContent = !items.length ? `No ${words.one} has “${text}” in its title.`
      : items.length < SUGGESTIONS ? `${words.count(items.length)} found` : `The ${SUGGESTIONS} best matches`;
  }

  async function suggest() {
    const text = input.value.trim();
    running?.abort();
    if (!text) return close();
    const mine = running = new AbortController();
    try {
      const query = new URLSearchParams({ q: text.slice(0, 100), n: SUGGESTIONS, ids: "text" });
      const answer = await request(`items?${query}`, { signal: mine.signal });
      if (mine === running && !mine.signal.aborted) show(answer.items, text);
    } catch (problem) {
      if (mine.signal.aborted) return;
      close();
      said.textContent = problem.message;
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && found.length) {
      event.preventDefault(); // else the browser empties the input as well
      close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found.length) pick(Math.max(active, 0));
    } else if (found.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      move(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1);
    }
  });
  input.addEventListener("blur", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
  list.addEventListener("click", (event) => {
    const index = [...list.children].indexOf(event.target.closest("li"));
    if (index >= 0) pick(index);
  });
}

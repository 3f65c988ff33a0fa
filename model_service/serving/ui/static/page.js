// The page as a whole: reads the address, asks the service for what belongs there, and shows it.

import { ApiError, request, segment } from "./api.js";
import { byId, element, isolated, words } from "./dom.js";
import { showItem } from "./item.js";
import { showMine, showRated, showRecommended } from "./lists.js";
import { searchBox } from "./search.js";
import { link, mine, place } from "./state.js";

const ENOUGH_RATINGS = 3;
const LISTED = 10;
const [form, uidInput, notice, status_, people, single] =
  ["pick", "uid", "notice", "status", "answer", "item"].map(byId);
let overview; // what GET ui/users told
let running; // of the request in progress
let typed = false; // an id, before the page had one to show
let shown = null; // whose recommendations the page holds, as the address that asks for them

const ask = (path, options = {}) => request(path, {
  signal: running.signal,
  onBusy: (seconds) => { status_.textContent = `The service is busy; asking again in ${seconds} s …`; },
  ...options,
});

function userLinks() {
  return overview.examples.slice(0, 5).flatMap((uid, index) => {
    const anchor = Object.assign(element("a", "", isolated(uid)), { href: link({ uid }) });
    return [...(index ? [", "] : []), anchor];
  });
}

function tellProblem(problem) {
  const again = Object.assign(element("button", "", "Try again"), { type: "button", onclick: start });
  notice.replaceChildren(`${problem.message} `, ...(problem.status && problem.status < 500 ? [] : [again]));
  notice.hidden = false;
  status_.textContent = "";
}

// The most rated items, without those that the visitor has chosen.
async function popular(chosen = []) {
  const ids = new Set(chosen.map((one) => one.id));
  const { items } = await ask(`items?n=${Math.min(LISTED + ids.size, 100)}&ids=text`);
  return items.filter((one) => !ids.has(one.id)).slice(0, LISTED);
}

function tellUnknown(uid) {
  byId("unknown").replaceChildren("There is no user ", isolated(`“${uid}”`),
    ` in the data, so these are popular ${words.many}. Users of the data: `, ...userLinks(), ".");
}

async function loadUser(uid) {
  let user;
  try {
    user = await ask(`ui/users/${segment(uid)}?ids=text`);
  } catch (problem) {
    if (!(problem instanceof ApiError) || problem.status !== 422) throw problem;
    user = { known: false, recommended: await popular(), scale: overview.scale }; // no id that a user could have
  }
  return () => {
    showRecommended(user.recommended, user.scale);
    byId("rated-section").hidden = !user.known;
    if (user.known) showRated(user);
    byId("recommended-heading").textContent = user.known ? "Recommended" : `Popular ${words.many}`;
    byId("unknown").hidden = user.known;
    if (!user.known) tellUnknown(uid);
    status_.textContent = user.known
      ? `${words.count(user.recommended.length)} for user ${uid}`
      : `${words.count(user.recommended.length)} that many like`;
  };
}

async function loadMine() {
  const body = mine.body(overview.scale);
  const rated = body.ratings.length;
  const recommended = rated ? (await ask("ui/recommendations?ids=text", { body })).recommended : await popular(mine.all());
  return () => {
    showRecommended(recommended, overview.scale, addMine);
    byId("rated-section").hidden = byId("unknown").hidden = true;
    byId("recommended-heading").textContent = rated ? "Recommended" : `Popular ${words.many}`;
    const missing = ENOUGH_RATINGS - rated;
    const verb = overview.scale ? "Rate" : "Choose";
    const unrated = mine.all().length - rated;
    byId("mine-help").textContent = unrated > 0 ? `Give stars to ${words.count(unrated)} in your list.` : missing <= 0 ? "" : rated
      ? `${verb} ${missing} more for recommendations that suit you better.`
      : `${verb} ${ENOUGH_RATINGS} ${words.many} or more and see what is recommended.`;
    status_.textContent = rated
      ? `${words.count(recommended.length)} for your ${rated} ${overview.scale ? "rating" : "choice"}${rated === 1 ? "" : "s"}`
      : `${words.count(recommended.length)} that many like`;
  };
}

async function loadItem({ rate, uid, item }) {
  const body = rate ? mine.body(overview.scale) : { ratings: [] };
  const query = new URLSearchParams({ ids: "text", ...(rate ? {} : { uid }) });
  const one = await ask(`ui/items/${segment(item)}?${query}`, body.ratings.length ? { body } : {});
  return () => {
    const heading = showItem(one, changed);
    status_.textContent = "";
    document.title = `${one.item.title.slice(0, 100)} - ${document.title}`;
    return heading;
  };
}

function arrange({ rate, item }) {
  form.hidden = rate;
  byId("rating").hidden = !rate || item !== null;
  byId("to-users").setAttribute("aria-current", rate ? "false" : "page");
  byId("to-rate").setAttribute("aria-current", rate ? "page" : "false");
}

// Shows what the address asks for; the page before stays until the answer is there.
async function show({ focus = true } = {}) {
  let where = place();
  if (!where.rate && where.uid === null) {
    history.replaceState({}, "", link({ ...where, uid: overview.examples[0] ?? "" }));
    where = place();
  }
  arrange(where);
  const address = link({ ...where, item: null });
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const left = single.hidden ? null : single.dataset.item;
  document.querySelector("main").setAttribute("aria-busy", "true");
  if (focus || !typed) uidInput.value = where.uid ?? "";
  document.title = `${where.rate ? "Your ratings" : `User ${where.uid}`} - ${document.querySelector("h1").textContent}`;
  if (where.rate) showMine(overview.scale, changed);
  try {
    const kept = where.item === null && address === shown;
    if (!kept) status_.textContent = "Loading …";
    const render = kept ? () => { status_.textContent = people.dataset.status; } : await (
      where.item !== null ? loadItem(where) : where.rate ? loadMine() : loadUser(where.uid));
    if (signal.aborted) return;
    notice.hidden = true;
    const heading = render();
    people.hidden = where.item !== null;
    people.classList.toggle("columns", !where.rate);
    single.hidden = !people.hidden;
    single.dataset.item = where.item ?? "";
    if (where.item === null) {
      shown = address;
      people.dataset.status = status_.textContent;
    }
    if (heading && focus) heading.focus({ preventScroll: true });
    else if (kept && left !== null) {
      people.querySelector(`[data-item="${CSS.escape(left)}"] a`)?.focus({ preventScroll: true });
    }
  } catch (problem) {
    if (signal.aborted) return;
    people.hidden = single.hidden = true;
    shown = null;
    tellProblem(problem);
  } finally {
    if (!signal.aborted) document.querySelector("main").removeAttribute("aria-busy");
  }
}

function go(address) {
  history[overview ? "pushState" : "replaceState"]({}, "", address);
  window.scrollTo(0, 0);
  return overview ? show() : start();
}

// The visitor's ratings are other ones: what they were asked for is old.
async function changed() {
  shown = null;
  const { value, parentElement } = document.activeElement;
  const rates = parentElement?.closest("[data-rates]")?.dataset.rates;
  // The controls are made anew; whoever rates by keyboard goes on where they were.
  const refocus = () => {
    if (rates === undefined || document.activeElement !== document.body) return;
    for (const input of document.querySelectorAll(`[data-rates="${CSS.escape(rates)}"] input`)) {
      if (input.type === "number" || input.value === value) input.focus({ preventScroll: true });
    }
  };
  const done = show({ focus: false });
  refocus();
  await done;
  refocus();
}

function addMine(one) {
  mine.add(one);
  changed();
  byId("mine").querySelector(`[data-item="${CSS.escape(one.id)}"] :is(input, button)`)?.focus();
}

uidInput.addEventListener("input", () => { typed = true; });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  typed = false;
  // Blanks around a typed id are a slip, unless somebody in the data has them.
  const text = uidInput.value;
  go(link({ uid: overview?.examples.includes(text) ? text : text.trim() }));
});
byId("another").addEventListener("click", () => {
  const others = (overview?.examples ?? []).filter((uid) => uid !== uidInput.value);
  if (others.length) go(link({ uid: others[Math.floor(Math.random() * others.length)] }));
});
byId("clear").addEventListener("click", () => {
  mine.clear();
  changed();
  byId("search").focus();
});
document.addEventListener("click", (event) => {
  const anchor = event.target.closest('a[href^="?"]');
  if (!anchor || !overview || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
});
window.addEventListener("popstate", (event) => {
  if (overview && event.state !== null) show();
});
searchBox((one) => (place().rate && place().item === null ? addMine(one) : go(link({ ...place(), item: one.id }))));

async function start() {
  running?.abort();
  running = new AbortController();
  arrange(place());
  try {
    overview ??= await ask("ui/users?ids=text");
    words.one = overview.noun;
    const capital = words.one[0].toUpperCase() + words.one.slice(1);
    document.querySelector("h1").textContent = words.one === "item" ? "Recommender" : `${capital} recommender`;
    byId("about").textContent = `${words.count(overview.films)}, ${overview.users.toLocaleString("en")} users: `
      + `what to ${words.one === "film" ? "see" : "choose"} next, and why.`;
    byId("search-label").textContent = `Find ${/^[aeiou]/.test(words.one) ? "an" : "a"} ${words.one}`;
    byId("to-rate").textContent = overview.scale ? `Rate ${words.many} yourself` : `Choose ${words.many} yourself`;
    byId("mine-heading").textContent = overview.scale ? "Your ratings" : "Your choices";
    byId("version").textContent = overview.model_version;
    uidInput.title = `An id as in the data, such as ${overview.examples[0]}`;
    byId("examples").replaceChildren(...overview.examples.map((uid) => Object.assign(element("option"), { value: uid })));
    byId("stars-note").hidden = !overview.has_stars;
    history.replaceState({}, "");
    await show({ focus: false });
  } catch (problem) {
    if (problem.name !== "AbortError") tellProblem(problem);
  }
}

start();

"use strict";

const byId = (id) => document.getElementById(id);
const [form, uidInput, answer, notice, status_] = ["pick", "uid", "answer", "notice", "status"].map(byId);
let examples = [];
let lastRequest = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function film(one, place, number) {
  const item = element("li");
  item.dataset.film = one.id;
  item.append(element("span", "place", `${place}.`), element("span", "title", one.title));
  if (number) item.append(number);
  if (one.genres.length) item.append(element("p", "genres", one.genres.join(" · ")));
  item.append(similarFilms(one));
  return item;
}

// The id as one segment of a path; browsers resolve these two, encoded or not, before they send.
function segment(id) {
  if (id === "." || id === "..") throw new Error(`a browser cannot ask for the id ${id} by its path; POST / can`);
  return encodeURIComponent(id);
}

function stars(value, [low, high]) {
  const decimals = high - low < 2 ? 2 : high - low > 20 ? 0 : 1;
  const text = value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1");
  const range = low < 0 ? ` (${low} to ${high})` : high === 5 ? "" : ` of ${high}`;
  const number = element("span", "stars", text + range);
  number.setAttribute("aria-label", range ? `rating ${text}${range}` : `${text} stars`);
  number.setAttribute("role", "img");
  return number;
}

function count(value) {
  return element("span", "count", value.toLocaleString("en"));
}

function given(value, scale) {
  if (value === null) return element("span", "count", "watched");
  return scale ? stars(value, scale) : count(value);
}

function because(reasons) {
  const line = element("p", "because", "because of ");
  reasons.forEach((reason, index) => {
    if (index) line.append(" and ");
    line.append(element("b", "", reason.title), ` (${Math.round(100 * reason.share)} %)`);
  });
  return line;
}

function similarFilms(one) {
  const details = element("details", "similar");
  details.append(element("summary", "", "Similar"));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.querySelector("ol, p")) return;
    try {
      const found = await request(`items/${segment(one.id)}/similar?n=5&ids=text`);
      const list = element("ol");
      list.append(...found.response.map(([title]) => element("li", "", title)));
      details.append(list);
    } catch (problem) {
      details.append(element("p", "hint", problem.message));
    }
  });
  return details;
}

function mark(reasons, on) {
  for (const reason of reasons) {
    byId("rated").querySelector(`[data-film="${CSS.escape(reason.id)}"]`)?.classList.toggle("reason", on);
  }
}

function render(user) {
  byId("version").textContent = user.model_version;
  byId("recommended").replaceChildren(...user.recommended.map((one, index) => {
    const item = film(one, index + 1, one.stars === null ? null : stars(one.stars, user.scale));
    if (one.because.length) {
      item.querySelector(".similar").before(because(one.because));
      item.addEventListener("pointerenter", () => mark(one.because, true));
      item.addEventListener("pointerleave", () => mark(one.because, false));
    }
    return item;
  }));
  const rated = user.rated_items.map((one, index) => film(one, index + 1, given(one.value, user.scale)));
  byId("rated").replaceChildren(...rated);
  byId("rated").hidden = !user.rated_items.length;
  byId("stars-note").hidden = !user.has_stars;
  const best = user.scale ? "rated best" : "chosen most";
  byId("rated-help").textContent = !user.known
    ? "Nothing: this user is not in the data, so these films are what most people like."
    : user.rated > user.rated_items.length
      ? `The ${user.rated_items.length} of ${user.rated} films that they ${best}, with what they gave.`
      : `${user.rated} films with what they gave, those that they ${best} first.`;
  answer.hidden = false;
  status_.textContent = `${user.recommended.length} films for user ${user.uid}`;
}

async function request(path) {
  const reply = await fetch(path, { headers: { accept: "application/json" } });
  const body = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(body.error || `the service answered ${reply.status}`);
  return body;
}

function showError(problem) {
  notice.textContent = `That did not work: ${problem.message}`;
  notice.hidden = false;
  status_.textContent = "";
}

async function showUser(uid) {
  const mine = ++lastRequest;
  notice.hidden = true;
  answer.classList.add("busy");
  status_.textContent = `Asking for user ${uid} …`;
  try {
    const user = await request(`ui/users/${segment(uid)}?ids=text`);
    if (mine === lastRequest) render(user);
  } catch (problem) {
    if (mine === lastRequest) {
      answer.hidden = true;
      showError(problem);
    }
  } finally {
    if (mine === lastRequest) answer.classList.remove("busy");
  }
}

function go(uid, push) {
  uidInput.value = uid;
  if (push) history.pushState({}, "", `ui?uid=${encodeURIComponent(uid)}`);
  return showUser(uid);
}

// Blanks around a typed id are a slip, unless somebody in the data has them.
const typedUid = () => (examples.includes(uidInput.value) ? uidInput.value : uidInput.value.trim());
const requestedUid = () => new URLSearchParams(location.search).get("uid");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(typedUid(), true);
});
byId("another").addEventListener("click", () => {
  const others = examples.filter((uid) => uid !== typedUid());
  if (others.length) go(others[Math.floor(Math.random() * others.length)], true);
});
window.addEventListener("popstate", () => go(requestedUid() ?? examples[0] ?? "", false));

(async () => {
  try {
    const overview = await request("ui/users?ids=text");
    examples = overview.examples;
    byId("about").textContent =
      `${overview.films.toLocaleString("en")} films, ${overview.users.toLocaleString("en")} people: what to see next, and why.`;
    uidInput.title = `An id as in the data, such as ${examples[0]}`;
    byId("examples").append(...examples.map((uid) => Object.assign(element("option"), { value: uid })));
    await go(requestedUid() ?? examples[0], false);
  } catch (problem) {
    showError(problem);
  }
})();

"use strict";

const byId = (id) => document.getElementById(id);
const [form, uidInput, answer, notice, status_] = ["pick", "uid", "answer", "notice", "status"].map(byId);
let examples = [];
let asked = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function film(one, place) {
  const item = element("li");
  item.dataset.film = one.id;
  item.append(element("span", "place", `${place}.`), element("span", "title", one.title));
  const stars = element("span", "stars", one.stars.toFixed(1));
  stars.setAttribute("aria-label", `${one.stars.toFixed(1)} stars`);
  stars.setAttribute("role", "img");
  item.append(stars);
  if (one.genres.length) item.append(element("p", "genres", one.genres.join(" · ")));
  return item;
}

function because(reasons) {
  const line = element("p", "because", "because of ");
  reasons.forEach((reason, index) => {
    if (index) line.append(" and ");
    line.append(element("b", "", reason.title));
  });
  return line;
}

function mark(reasons, on) {
  for (const reason of reasons) {
    byId("liked").querySelector(`[data-film="${reason.id}"]`)?.classList.toggle("reason", on);
  }
}

function show(told) {
  byId("version").textContent = told.model_version;
  byId("recommended").replaceChildren(...told.recommended.map((one, index) => {
    const item = film(one, index + 1);
    if (one.because.length) {
      item.append(because(one.because));
      item.addEventListener("pointerenter", () => mark(one.because, true));
      item.addEventListener("pointerleave", () => mark(one.because, false));
    }
    return item;
  }));
  byId("liked").replaceChildren(...told.liked.map((one, index) => film(one, index + 1)));
  byId("liked").hidden = !told.liked.length;
  byId("liked-help").textContent = !told.known
    ? "Nothing: this user is not in the data, so these films are what most people like."
    : told.rated > told.liked.length
      ? `The ${told.liked.length} of ${told.rated} films that the model thinks they like best.`
      : `${told.rated} films, those that the model thinks they like best first.`;
  answer.hidden = false;
  status_.textContent = `${told.recommended.length} films for user ${told.uid}`;
}

async function ask(path) {
  const reply = await fetch(path, { headers: { accept: "application/json" } });
  const told = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(told.error || `the service answered ${reply.status}`);
  return told;
}

function complain(problem) {
  notice.textContent = `That did not work: ${problem.message}`;
  notice.hidden = false;
  status_.textContent = "";
}

async function showUser(uid) {
  const mine = ++asked;
  notice.hidden = true;
  answer.classList.add("busy");
  status_.textContent = `Asking for user ${uid} …`;
  try {
    const told = await ask(`/ui/users/${encodeURIComponent(uid)}`);
    if (mine === asked) show(told);
  } catch (problem) {
    if (mine === asked) {
      answer.hidden = true;
      complain(problem);
    }
  } finally {
    if (mine === asked) answer.classList.remove("busy");
  }
}

function go(uid, push) {
  uidInput.value = uid;
  if (push) history.pushState({}, "", `/ui?uid=${encodeURIComponent(uid)}`);
  return showUser(uid);
}

const wanted = () => new URLSearchParams(location.search).get("uid");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(uidInput.value.trim(), true);
});
byId("another").addEventListener("click", () => {
  const others = examples.filter((uid) => String(uid) !== uidInput.value.trim());
  if (others.length) go(String(others[Math.floor(Math.random() * others.length)]), true);
});
window.addEventListener("popstate", () => go(wanted() ?? String(examples[0] ?? ""), false));

(async () => {
  try {
    const told = await ask("/ui/users");
    examples = told.examples;
    byId("about").textContent =
      `${told.films.toLocaleString("en")} films, ${told.users.toLocaleString("en")} people: what to see next, and why.`;
    byId("examples").append(...examples.map((uid) => Object.assign(element("option"), { value: uid })));
    await go(wanted() ?? String(examples[0]), false);
  } catch (problem) {
    complain(problem);
  }
})();

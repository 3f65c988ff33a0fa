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

function render(user) {
  byId("version").textContent = user.model_version;
  byId("recommended").replaceChildren(...user.recommended.map((one, index) => {
    const item = film(one, index + 1);
    if (one.because.length) {
      item.append(because(one.because));
      item.addEventListener("pointerenter", () => mark(one.because, true));
      item.addEventListener("pointerleave", () => mark(one.because, false));
    }
    return item;
  }));
  byId("liked").replaceChildren(...user.liked.map((one, index) => film(one, index + 1)));
  byId("liked").hidden = !user.liked.length;
  byId("liked-help").textContent = !user.known
    ? "Nothing: this user is not in the data, so these films are what most people like."
    : user.rated > user.liked.length
      ? `The ${user.liked.length} of ${user.rated} films that the model thinks they like best.`
      : `${user.rated} films, those that the model thinks they like best first.`;
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
    const user = await request(`/ui/users/${encodeURIComponent(uid)}`);
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
  if (push) history.pushState({}, "", `/ui?uid=${encodeURIComponent(uid)}`);
  return showUser(uid);
}

const requestedUid = () => new URLSearchParams(location.search).get("uid");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(uidInput.value.trim(), true);
});
byId("another").addEventListener("click", () => {
  const others = examples.filter((uid) => String(uid) !== uidInput.value.trim());
  if (others.length) go(String(others[Math.floor(Math.random() * others.length)]), true);
});
window.addEventListener("popstate", () => go(requestedUid() ?? String(examples[0] ?? ""), false));

(async () => {
  try {
    const overview = await request("/ui/users");
    examples = overview.examples;
    byId("about").textContent =
      `${overview.films.toLocaleString("en")} films, ${overview.users.toLocaleString("en")} people: what to see next, and why.`;
    byId("examples").append(...examples.map((uid) => Object.assign(element("option"), { value: uid })));
    await go(requestedUid() ?? String(examples[0]), false);
  } catch (problem) {
    showError(problem);
  }
})();

// Where the page is (its query: uid or rate, and item), and the visitor's own ratings, which a reload keeps.

const KEY = `ratings of ${location.pathname}`;

// rate: the visitor's own ratings, else those of the user uid, null where none is named. item: where one is shown.
export function place() {
  const query = new URLSearchParams(location.search);
  return { rate: query.has("rate"), uid: query.get("uid") || null, item: query.get("item") || null };
}

export function link({ rate, uid, item }) {
  const query = new URLSearchParams();
  if (rate) query.set("rate", "1");
  else if (uid !== null && uid !== undefined) query.set("uid", uid);
  if (item !== null && item !== undefined) query.set("item", item);
  return `?${query}`;
}

// The address of an item for whoever the page is about.
export const itemLink = (id) => link({ ...place(), item: id });

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return kept.filter((one) => typeof one.id === "string" && typeof one.title === "string");
  } catch {
    return []; // storage is off, or holds something else
  }
}

// [{id, title, stars}], the newest first; stars is null until they are given.
let ratings = read();

function change(changed) {
  ratings = changed;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(ratings));
  } catch {
    // storage is off or full: the ratings last as long as the page
  }
}

export const mine = {
  all: () => ratings,
  get: (id) => ratings.find((one) => one.id === id),
  add: ({ id, title }) => {
    if (!mine.get(id)) change([{ id, title, stars: null }, ...ratings]);
  },
  rate: ({ id, title }, given) => {
    mine.add({ id, title });
    change(ratings.map((one) => (one.id === id ? { ...one, stars: given } : one)));
  },
  remove: (id) => change(ratings.filter((one) => one.id !== id)),
  clear: () => change([]),
  // As POST /recommendations takes them. Where the data has counts, a chosen item says enough.
  body: (scale) => ({
    ratings: ratings.filter((one) => !scale || one.stars !== null)
      .map(({ id, stars }) => (scale ? { id, stars } : { id })),
  }),
};

// Requests to the service. All addresses are relative to the page's, so that it works below any path.

const LONGEST_WAIT_SECONDS = 10;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const wait = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, 1000 * seconds);
  signal?.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  });
});

// An id as one segment of a path; browsers resolve these two, encoded or not, before they send.
export function segment(id) {
  if (id === "." || id === "..") throw new Error(`a browser cannot ask for the id ${id} by its path; POST / can`);
  return encodeURIComponent(id);
}

// The answer's JSON; with a body by POST. A 503 with Retry-After is asked once more after that time, of which onBusy is
// told the seconds. Throws ApiError for an answer that is an error and for none, with status 0.
export async function request(path, { body, signal, onBusy } = {}) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const send = () => fetch(path, { ...options, signal, headers: { accept: "application/json" } }).catch((problem) => {
    if (problem.name === "AbortError") throw problem;
    throw new ApiError(0, "The service cannot be reached.");
  });
  let reply = await send();
  const seconds = Number(reply.headers.get("retry-after"));
  if (reply.status === 503 && seconds > 0) {
    onBusy?.(Math.min(seconds, LONGEST_WAIT_SECONDS));
    await wait(Math.min(seconds, LONGEST_WAIT_SECONDS), signal);
    reply = await send();
  }
  const content = await reply.json().catch(() => {
    if (signal?.aborted) throw signal.reason;
    return {};
  });
  if (!reply.ok) throw new ApiError(reply.status, content.error || `The service answered ${reply.status}.`);
  return content;
}

/** Requests to the server that this page came from. */

/** An answer other than a result, as a sentence for the user. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status of HTTP; 0 if there was no answer.
   * @param {number} retryAfter seconds after which the server may be free.
   */
  constructor(message, status, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const BUSY = 503;
const UNAUTHORISED = 401;
const MAX_TRIES = 10;

/** @type {{token: () => string, ask: (refused: boolean) => Promise<string>}} */
let keeper = { token: () => "", ask: async () => "" };

/** Say who keeps the token, and asks for it when the server refuses a request. */
export function useTokens(tokens) {
  keeper = tokens;
}

/** What the server tells of its model, formats and limits. */
export async function about() {
  return JSON.parse(await (await call("GET", "about")).text());
}

/**
 * Find the objects in an image.
 * @param {File} file
 * @param {Hooks} hooks
 * @returns the answer to `format=json`.
 */
export async function detect(file, hooks = {}) {
  const answer = await call("POST", `detect?${query({ format: "json", name: file.name })}`, file, hooks);
  return JSON.parse(await answer.text());
}

/** A PNG of an image that the browser cannot show. */
export function preview(file, hooks = {}) {
  return call("POST", "preview", file, hooks);
}

/**
 * The objects of an image in a file format.
 * @param {File} file
 * @param {Object<string, string>} parameters format, min_score, classes.
 */
export function download(file, parameters) {
  return call("POST", `detect?${query({ ...parameters, name: file.name })}`, file);
}

function query(parameters) {
  return new URLSearchParams(parameters).toString();
}

/**
 * @typedef {Object} Hooks
 * @property {AbortSignal} [signal]
 * @property {(part: number) => void} [onSent] called with the part of the file that is sent, 0 to 1.
 * @property {(seconds: number) => void} [onBusy] called when the server asks to wait.
 */

/** Send a request; ask for the token if it is refused, and wait if the server is busy. */
async function call(method, url, body = null, hooks = {}) {
  for (let tries = 1; ; tries++) {
    const token = keeper.token();
    try {
      return await send(method, url, body, token, hooks);
    } catch (error) {
      if (error.status === UNAUTHORISED) {
        // Another request may have asked meanwhile.
        if (keeper.token() === token && !(await keeper.ask(token !== ""))) throw error;
      } else if (error.status === BUSY && error.retryAfter && tries < MAX_TRIES) {
        hooks.onBusy?.(error.retryAfter);
        await pause(error.retryAfter, hooks.signal);
      } else {
        throw error;
      }
    }
  }
}

// fetch() does not tell how much of a file is sent.
function send(method, url, body, token, { signal, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "blob";
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    if (body) request.setRequestHeader("Content-Type", body.type || "application/octet-stream");
    if (onSent) request.upload.onprogress = (event) => onSent(event.loaded / event.total);
    request.onload = async () => {
      if (request.status === 200) resolve(request.response);
      else reject(await refusal(request));
    };
    request.onerror = () => reject(new ApiError("The server does not answer.", 0));
    request.onabort = () => reject(new DOMException("Aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    if (signal?.aborted) request.onabort();
    else request.send(body);
  });
}

async function refusal(request) {
  const seconds = Number(request.getResponseHeader("Retry-After"));
  let sentence = `The server answered ${request.status}.`;
  try {
    sentence = JSON.parse(await request.response.text()).error || sentence;
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  return new ApiError(sentence, request.status, seconds);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Aborted", "AbortError"));
    });
  });
}

// Talks to /api/v1. A request that fails throws an Error whose message a person can read.
import { t, told } from "./text.js";

/** `wait`: seconds after which it may be tried again; 0: the server did not say. */
export class Problem extends Error {
  constructor(status, message, wait = 0) {
    super(told(message));
    this.status = status;
    this.wait = wait;
  }
}

let ahead = 0; // of the appliance's clock before this browser's, milliseconds

/** By the appliance's clock, as all times that it tells. */
export const now = () => Date.now() + ahead;

// The header has whole seconds, and was on its way for a while: less than that is no difference.
function compareClocks(response) {
  const difference = Date.parse(response.headers.get("Date")) - Date.now();
  const uncertain = 3000;
  ahead = Math.abs(difference) > uncertain ? difference : 0; // not a number: nothing is known of it
}

async function answer(response) {
  compareClocks(response);
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Problem(
      response.status,
      body.detail || body.title || t`the server answered ${response.status}`,
      Number(response.headers.get("Retry-After")) || 0,
    );
  return body;
}

async function send(method, path, body) {
  const options = { method, headers: { "X-Drydock": "1" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`api/v1/${path}`, options);
  } catch {
    throw new Problem(0, t`Drydock cannot be reached`);
  }
  return answer(response);
}

/** What a POST answers with, saved as a file. */
export async function download(path, body, name) {
  const headers = { "X-Drydock": "1", "Content-Type": "application/json" };
  const response = await fetch(`api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Problem(0, t`Drydock cannot be reached`);
  });
  if (!response.ok) return answer(response);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return null;
}

export const get = (path) => send("GET", path);
export const post = (path, body) => send("POST", path, body);
export const put = (path, body) => send("PUT", path, body);
export const patch = (path, body) => send("PATCH", path, body);
export const remove = (path) => send("DELETE", path);

/** Uploads a module file; `progress` gets 0 to 1. */
export const upload = (file, progress) => sendFile(`firmware?name=${encodeURIComponent(file.name)}`, file, progress);

/** By a POST whose body is the file. fetch() cannot tell how much has been sent. */
export function sendFile(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `api/v1/${path}`);
    request.setRequestHeader("X-Drydock", "1");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && progress(event.loaded / event.total),
    );
    request.addEventListener("error", () =>
      reject(new Problem(0, t`Drydock cannot be reached, or would not take so large a file`)),
    );
    request.addEventListener("load", () => {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // The status says enough.
      }
      if (request.status < 300) resolve(body);
      else reject(new Problem(request.status, body.detail || body.title || t`the server answered ${request.status}`));
    });
    request.send(file);
  });
}

// What gets better with a script; every page works without it.
"use strict";

// An element with data-renew="SECONDS" and an id is fetched anew with its page, as long as somebody looks at it.
function renew(element) {
  const seconds = Number(element.dataset.renew);
  let tag = null;
  async function once() {
    if (document.hidden || element.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html", ...(tag && { "If-None-Match": tag }) } });
    if (!answer.ok) return;
    tag = answer.headers.get("ETag");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(element.id);
    if (fresh !== null && fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
  }
  async function again() {
    try {
      await once();
    } catch {
      // The server is away: asked again later.
    }
    setTimeout(again, 1000 * seconds);
  }
  setTimeout(again, 1000 * seconds);
}

// Times are shown as they are where the reader is.
function localise(time) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.textContent = at.toLocaleString();
}

// A form is sent once, however often its button is pressed.
function sendOnce(event) {
  const form = event.target;
  if (form.dataset.sent === "true") event.preventDefault();
  form.dataset.sent = "true";
  setTimeout(() => delete form.dataset.sent, 3000);
}

document.querySelectorAll("[data-renew]").forEach(renew);
document.querySelectorAll("time[datetime]").forEach(localise);
document.querySelectorAll("form[method=post]").forEach((form) => form.addEventListener("submit", sendOnce));
document.querySelector("[role=alert]")?.scrollIntoView({ block: "center" });

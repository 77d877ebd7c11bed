// What gets better with a script; every page works without it.
"use strict";

// Elements with an id and data-renew="SECONDS" are fetched anew with their page, as long as somebody looks at it; with
// data-from="ADDRESS", from there; with data-events="ADDRESS EVENT…", also as soon as the server tells of such an event.
function renew(elements) {
  const from = elements[0].dataset.from ?? location.href;
  const seconds = Math.min(...elements.map((element) => Number(element.dataset.renew)));
  let tag = null;
  let soon = null;
  async function once() {
    if (document.hidden) return;
    const answer = await fetch(from, { headers: { Accept: "text/html", ...(tag && { "If-None-Match": tag }) } });
    if (!answer.ok) return;
    tag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    page.querySelectorAll("time[datetime]").forEach(localise);
    elements.forEach((element) => take(element, page.getElementById(element.id)));
  }
  async function again() {
    clearTimeout(soon);
    soon = null;
    try {
      await once();
    } catch {
      // The server is away: asked again later.
    }
    later ??= setTimeout(byTime, 1000 * seconds);
  }
  let later = setTimeout(byTime, 1000 * seconds);
  function byTime() {
    later = null;
    again();
  }
  const events = elements.find((element) => element.dataset.events)?.dataset.events;
  if (events) listen(events.split(" "), () => (soon ??= setTimeout(again, 200)));
}

// Not while nobody looks: a browser has six connections to a server for all its windows.
function listen([address, ...names], hear) {
  let source = null;
  function turn() {
    source?.close();
    source = document.hidden ? null : new EventSource(address);
    names.forEach((name) => source?.addEventListener(name, hear));
  }
  document.addEventListener("visibilitychange", turn);
  turn();
}

// What has the focus keeps it; where it would be gone, nothing is taken.
function take(element, fresh) {
  const focus = element.contains(document.activeElement) ? document.activeElement.id : null;
  const lost = focus !== null && (focus === "" || fresh?.querySelector("#" + CSS.escape(focus)) === null);
  if (fresh === null || lost || fresh.innerHTML === element.innerHTML) return;
  element.replaceChildren(...fresh.childNodes);
  if (focus !== null) document.getElementById(focus).focus();
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

const renewed = [...document.querySelectorAll("[data-renew]")];
if (renewed.length > 0) renew(renewed);
document.querySelectorAll("time[datetime]").forEach(localise);
document.addEventListener("submit", (event) => event.target.method === "post" && sendOnce(event));
document.querySelector("[role=alert]")?.scrollIntoView({ block: "center" });

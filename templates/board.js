"use strict";
// Takes each new body from the server and changes what differs, so that what is open, selected or scrolled stays so.
const live = document.getElementById("live");
let source;

function take(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const alike = old.nodeName === fresh.nodeName && old.id === fresh.id && old.nodeType === 1 && old.nodeName !== "svg";
  if (!alike) return old.replaceWith(fresh.cloneNode(true));
  for (const {name} of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const {name, value} of fresh.attributes) if (name !== "open") old.setAttribute(name, value);
  const atEnd = old.scrollHeight > old.clientHeight && old.scrollTop + old.clientHeight > old.scrollHeight - 24;
  takeChildren(old, fresh);
  if (atEnd) old.scrollTop = old.scrollHeight;
}

// What has an id is known by it, wherever it has moved; the rest by its place.
function takeChildren(old, fresh) {
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id ? named.get(child.id) : next && !next.id && next.nodeName === child.nodeName ? next : null;
    if (!known) old.insertBefore(child.cloneNode(true), next);
    else if (known === next) next = next.nextSibling;
    else old.insertBefore(known, next);
    if (known) take(known, child);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function say(state, text) {
  live.className = state;
  live.textContent = text;
}

function listen() {
  source = new EventSource(document.body.dataset.events);
  source.onopen = () => say("good", "live");
  source.onerror = () => say("bad", "the board does not answer; trying again");
  source.addEventListener("body", (event) => {
    const fresh = document.createElement("div");
    fresh.id = "body";
    fresh.innerHTML = event.data;
    take(document.getElementById("body"), fresh);
    say("good", "live");
  });
}

// Nothing is asked for while nobody looks.
document.addEventListener("visibilitychange", () => {
  source?.close();
  if (!document.hidden) listen();
});
if (!document.hidden) listen();

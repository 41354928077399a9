// Keeps the page as it is at the server: when something changed there, it is fetched again and put in place, with what is open, typed
// and focused left alone. Without scripts the page reloads itself now and then, and every form works.
"use strict";
const live = document.getElementById("live");
let last = "";

function key(e) { return e.dataset.key; }

async function refresh(address) {
  const answer = await fetch(address || location.href, { headers: { Accept: "text/html" } });
  const html = await answer.text();
  if (html === last) return;
  last = html;
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("page");
  const page = document.getElementById("page");
  const focus = document.activeElement && document.activeElement.id;
  const typed = new Map();
  page.querySelectorAll("textarea[id], input[id], select[id]").forEach(e => typed.set(e.id, [e.value, e.selectionStart, e.selectionEnd]));
  const open = new Map();
  page.querySelectorAll("details[data-key]").forEach(e => open.set(key(e), e.open));
  fresh.querySelectorAll("details[data-key]").forEach(e => { if (open.has(key(e))) e.open = open.get(key(e)); });
  page.replaceWith(fresh);
  typed.forEach((v, id) => { const e = document.getElementById(id); if (e) e.value = v[0]; });
  if (focus && typed.has(focus)) {
    const e = document.getElementById(focus);
    if (e) {
      e.focus({ preventScroll: true });
      if (e.setSelectionRange && e.type !== "email" && e.tagName !== "SELECT") e.setSelectionRange(typed.get(focus)[1], typed.get(focus)[2]);
    }
  }
}

document.addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target;
  const ids = [...form.querySelectorAll("textarea[id], input[name=subject][id]")].map(e => e.id);
  const box = form.closest(".new");
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok || new URL(answer.url).searchParams.has("failed")) {
    await refresh(answer.url); // says why; what was typed stays
    return;
  }
  // The form may have been put in place anew meanwhile: its fields are found by name.
  ids.forEach(id => { const e = document.getElementById(id); if (e) e.value = ""; });
  if (box) document.querySelectorAll(".new").forEach(e => { if (key(e) === key(box)) e.open = false; });
  await refresh();
});

function listen() {
  const events = new EventSource("/events");
  events.onopen = () => { live.classList.add("on"); refresh(); };
  events.onmessage = () => refresh();
  events.onerror = () => live.classList.remove("on");
}
listen();

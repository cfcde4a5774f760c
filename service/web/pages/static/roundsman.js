// Keeps an open page up to date, shows times in the reader's zone, and adds keys. Every page works without it.
"use strict";

const POLL_MS = 30_000; // where no stream can be had
const PAUSE_MS = 1_500; // between two looks of one page
const ENTRIES = "main tbody tr, main article, main [data-entry]";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const root = document.documentElement;
let stream = null;
let isLooking = false;
let isDue = false;
let isTyped = false;

const main = () => document.getElementById("main");

function showTimes(area) {
  const day = (time) => new Date(time.getFullYear(), time.getMonth(), time.getDate());
  const now = new Date();
  for (const shown of area.querySelectorAll("time[datetime]")) {
    const at = new Date(shown.dateTime);
    const [, seconds] = shown.textContent.match(/\d\d:\d\d(:\d\d)?$/) ?? [];
    if (Number.isNaN(at.valueOf()) || !/\d\d:\d\d/.test(shown.textContent)) continue;
    const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds && "2-digit" });
    const days = Math.round((day(now) - day(at)) / 86_400_000);
    const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
    const date = `${at.getDate()} ${MONTHS[at.getMonth()]}${year}`;
    shown.textContent = `${["today", "yesterday"][days] ?? date} ${clock}`;
  }
  document.getElementById("utc").hidden = true;
  document.getElementById("own-zone").hidden = false;
}

function show(next) {
  const unfolded = new Set([...main().querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  for (const summary of next.querySelectorAll("main details > summary"))
    if (unfolded.has(summary.textContent)) summary.parentElement.open = true;
  const { id, pathname } = document.activeElement ?? {};
  for (const part of ["header.bar nav", "#main"]) document.querySelector(part)?.replaceWith(next.querySelector(part));
  document.title = next.title;
  document.querySelector("link[rel=icon]").href = next.querySelector("link[rel=icon]").getAttribute("href");
  Object.assign(root.dataset, next.documentElement.dataset);
  showTimes(main());
  const same = id ? document.getElementById(id) : [...document.links].find((one) => pathname && one.pathname === pathname);
  same?.focus({ preventScroll: true });
}

async function look() {
  isDue = isTyped || document.hidden || isLooking || String(getSelection()) !== "";
  if (isDue) return; // what is typed or chosen must not vanish; it is looked at again afterwards
  isLooking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (new URL(answer.url).pathname === "/login") location.reload();
    else if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    document.getElementById("away").hidden = answer.status < 500;
  } catch {
    document.getElementById("away").hidden = false;
  }
  setTimeout(() => {
    isLooking = false;
    if (isDue) look();
  }, PAUSE_MS);
}

function listen() {
  if (stream || document.hidden || !root.dataset.version) return;
  stream = new EventSource(root.dataset.live ?? `/live?since=${encodeURIComponent(root.dataset.version)}`);
  stream.onmessage = ({ lastEventId }) => lastEventId === root.dataset.version || look();
  stream.onopen = () => { document.getElementById("away").hidden = true; };
  stream.onerror = () => { setTimeout(() => { if (stream?.readyState !== EventSource.OPEN) look(); }, 5_000);
    if (stream?.readyState === EventSource.CLOSED) stream = null; };
}

function sleepOrWake() {
  if (document.hidden) stream = void stream?.close() ?? null;
  else if (isDue) look();
  listen();
}

function move(step) {
  const entries = [...document.querySelectorAll(ENTRIES)].map((one) => one.querySelector("a[href]")).filter(Boolean);
  const at = entries.findIndex((one) => one.closest(ENTRIES).contains(document.activeElement));
  entries[Math.min(Math.max(at + step, 0), entries.length - 1)]?.focus();
}

function unfoldTarget() { // what an address names may be folded away: not every browser opens that
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  let fold = target?.closest("details:not([open])");
  if (!fold) return;
  for (; fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const keys = document.getElementById("keys");
  const search = document.querySelector("main input[type=search]");
  if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  else if (event.key === "?") keys.open ? keys.close() : keys.showModal();
  else if (event.key === "/") { event.preventDefault(); search ? search.focus() : location.assign("/builds"); }
}

document.addEventListener("keydown", press);
document.addEventListener("input", () => { isTyped = true; });
document.addEventListener("submit", () => { isTyped = false; });
document.addEventListener("selectionchange", () => { if (isDue && String(getSelection()) === "") look(); });
document.addEventListener("visibilitychange", sleepOrWake);
addEventListener("hashchange", unfoldTarget);
setInterval(() => { if (root.dataset.version && !stream && !document.hidden) { look(); listen(); } }, POLL_MS);
showTimes(document);
unfoldTarget();
listen();

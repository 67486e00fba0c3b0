"use strict";
(() => {
  const REFRESH_MS = 10000, PROGRESS_MS = 1000;
  const root = document.documentElement, words = root.dataset;
  const silent = document.getElementById("silent");
  /* What each lane that was started here is said to be doing, by the id of its button. */
  const started = new Map();

  /* The exact moment in the browser's own zone, before the one in UTC. */
  const tellZone = () => {
    for (const time of document.querySelectorAll("time[datetime]:not([data-localised])")) {
      const local = new Date(time.dateTime).toLocaleString(root.lang, { dateStyle: "medium", timeStyle: "long" });
      time.title = time.title ? `${local} (${time.title})` : local;
      time.dataset.localised = "";
    }
  };

  const showStarted = () => {
    for (const [id, text] of started) {
      const button = document.getElementById(id);
      if (!button) continue;
      button.disabled = !text.final;
      button.form.querySelector("output").textContent = text.said;
    }
  };

  const replace = (part, other) => {
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const open = part.querySelector("details[open]") !== null;
    part.className = other.className;
    part.hidden = other.hidden;
    part.replaceChildren(...other.childNodes);
    if (open) part.querySelector("details")?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(REFRESH_MS) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const theirs = fresh.documentElement.dataset.version;
      if (!theirs) throw new Error("not the page");
      const parts = fresh.querySelectorAll("[data-live]").length;
      const isOther = theirs !== words.version || parts > document.querySelectorAll("[data-live]").length;
      if (isOther) return location.reload();
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = fresh.getElementById(part.id);
        if (other) replace(part, other);
      }
      silent.hidden = true;
      tellZone();
      showStarted();
    } catch {
      silent.hidden = false;
    }
  };

  const say = (id, said, final = false) => {
    started.set(id, { said, final });
    showStarted();
  };

  const running = async (shop, record) => {
    const answer = await fetch("api/v1/progress", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const { runs } = await answer.json();
    return runs.find((run) => run.shop === shop && run.record === record && run.lane === "update");
  };

  const follow = async (id, shop, record) => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, PROGRESS_MS));
      try {
        const run = await running(shop, record);
        if (!run) break;
        say(id, words.reading.replace("{rows}", run.rows_seen.toLocaleString("en")));
      } catch {
        /* The next look tells more. */
      }
    }
    started.delete(id);
    await refresh();
  };

  const start = async (form) => {
    const { shop, record } = Object.fromEntries(new FormData(form));
    const id = form.querySelector("button").id;
    say(id, words.starting);
    try {
      const answer = await fetch("api/v1/sync", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ shop, record }),
      });
      if (answer.status === 401) return location.assign("login");
      if (answer.ok) return await follow(id, shop, record);
      const why = await answer.json().catch(() => null);
      say(id, why?.error?.message ?? words.refused, true);
    } catch {
      say(id, words.refused, true);
    }
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.sync")) return;
    event.preventDefault();
    start(event.target);
  });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => document.hidden || refresh(), REFRESH_MS);
  tellZone();
})();

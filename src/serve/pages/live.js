"use strict";
(() => {
  // Asks every other second for the parts of the page that changed, while somebody looks. Without this a reload does.
  const EVERY = 2000;
  const link = document.getElementById("link");
  const parts = () => [...document.querySelectorAll("section[data-tag]")];
  let seen = Date.now();
  let failures = 0;
  let asking = false;

  const say = (words, state) => {
    if (link.textContent !== words) link.textContent = words;
    link.className = state;
  };
  const length = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    const minutes = Math.floor((whole + 30) / 60);
    const two = (number) => String(number).padStart(2, "0");
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
    return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  };
  const count = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-since]")) {
      time.textContent = `${length((now - time.dataset.since) / 1000)} so far`;
    }
    for (const time of document.querySelectorAll("time[data-until]")) {
      const left = (time.dataset.until - now) / 1000;
      time.textContent = left > 0 ? `about ${length(left)} left` : "longer than others took";
    }
  };

  // A part anew, with what was unfolded, scrolled to and in focus as it was.
  const replace = (part, content) => {
    const opened = [...part.querySelectorAll("details")].map((details) => details.open);
    const scrolled = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focused = part.contains(document.activeElement) ? [...part.querySelectorAll("a, summary, [tabindex]")].indexOf(document.activeElement) : -1;
    part.innerHTML = content.html;
    part.dataset.tag = content.tag;
    [...part.querySelectorAll("details")].forEach((details, place) => { details.open = opened[place] || false; });
    [...part.querySelectorAll(".scroll")].forEach((box, place) => { box.scrollLeft = scrolled[place] || 0; });
    if (focused >= 0) [...part.querySelectorAll("a, summary, [tabindex]")][focused]?.focus({ preventScroll: true });
  };

  const ask = async () => {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const has = parts().map((part) => `${part.id}=${part.dataset.tag}`).join(",");
      const answer = await fetch(location.pathname + location.search, {
        headers: { "X-Parts": has }, cache: "no-store", signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 401) return say("the token is another now: open the address that is printed", "gone");
      const found = await answer.json();
      for (const [id, content] of Object.entries(found.parts)) {
        const part = document.getElementById(id);
        // A page that has other parts than before is another page.
        if (!part) return location.reload();
        replace(part, content);
      }
      document.title = `${found.title} · ecgraft`;
      const heading = document.querySelector("main > h1");
      if (heading.textContent !== found.title) heading.textContent = found.title;
      seen = Date.now();
      failures = 0;
      say("live", "live");
      count();
    } catch {
      failures += 1;
      if (failures > 1) {
        const at = new Date(seen).toTimeString().slice(0, 8);
        say(`ecgraft serve does not answer; as of ${at}`, "gone");
      }
    } finally {
      asking = false;
    }
  };

  addEventListener("visibilitychange", () => {
    if (document.hidden) say("paused", "");
    else ask();
  });
  setInterval(ask, EVERY);
  setInterval(count, 1000);
  count();
  ask();
})();

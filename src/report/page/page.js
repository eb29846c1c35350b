"use strict";
(() => {
  // The list of runs: filtered, sorted, walked through with the arrow keys. Without this it is the list as it stands.
  const list = document.getElementById("list");
  const form = document.getElementById("filters");
  if (list && form) {
    const runs = [...list.children].map((row, place) => ({ row, place, text: row.textContent.toLowerCase(), ...row.dataset }));
    const count = document.getElementById("count");
    const orders = {
      plan: (a, b) => a.place - b.place,
      high: (a, b) => (b.auc || -1) - (a.auc || -1),
      low: (a, b) => (a.auc || 2) - (b.auc || 2),
      time: (a, b) => (b.wall || -1) - (a.wall || -1),
      late: (a, b) => (b.end || "").localeCompare(a.end || ""),
    };
    let order = "plan";
    const show = () => {
      const words = form.words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const run of runs) {
        const fits = (!form.experiment || !form.experiment.value || run.experiment === form.experiment.value)
          && (!form.status.value || run.status === form.status.value)
          && words.every((word) => run.text.includes(word));
        run.row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${runs.length} runs`;
      if (form.order.value !== order) {
        order = form.order.value;
        runs.sort((a, b) => orders[order](a, b) || a.place - b.place);
        list.append(...runs.map((run) => run.row));
      }
    };
    let wait = 0;
    form.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(show, 80);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    list.addEventListener("keydown", (event) => {
      const row = event.target.matches("summary") && event.target.parentElement;
      if (!row || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
      const side = event.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling";
      let next = row[side];
      while (next && next.hidden) next = next[side];
      if (next) {
        next.firstElementChild.focus();
        event.preventDefault();
      }
    });
    form.hidden = false;
    show();
  }
  // A link to something folded away opens it.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
  // What is printed has all figures.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.figures:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();

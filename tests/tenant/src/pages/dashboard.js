// Keeps the table of requests fresh. Without this script the page's own "Refresh" does.
"use strict";

const rows = document.getElementById("request-rows");
const refresh = document.getElementById("refresh");
const period = 1000;

let live = true;
const toggle = document.createElement("button");
toggle.type = "button";
toggle.setAttribute("aria-pressed", "true");
toggle.textContent = "Live";
toggle.addEventListener("click", () => {
  live = !live;
  toggle.setAttribute("aria-pressed", String(live));
});
refresh.replaceWith(toggle);

async function update() {
  if (live && document.visibilityState === "visible") {
    try {
      const answer = await fetch("/dashboard/requests", { signal: AbortSignal.timeout(5000) });
      const fresh = await answer.text();
      // Replacing equal rows would take away a selection of text.
      if (answer.ok && fresh !== rows.dataset.shown) {
        rows.dataset.shown = fresh;
        rows.innerHTML = fresh;
      }
    } catch {
      // The tenant was stopped; it may come back.
    }
  }
  setTimeout(update, period);
}

setTimeout(update, period);

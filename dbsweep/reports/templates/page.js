"use strict";
// Sorting: a click on a column's button sorts by data-sort, numbers as numbers; a second click turns it round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => head.querySelector("button").addEventListener("click", () => {
    const falling = head.getAttribute("aria-sort") === "ascending" || (!head.ariaSort && head.matches(".num"));
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => row.cells[index].dataset.sort;
    const compare = (a, b) => (isNaN(key(a)) || isNaN(key(b)) ? key(a).localeCompare(key(b)) : key(a) - key(b));
    const rows = [...table.tBodies[0].rows].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows);
  }));
}

// The viewer: a picture opens large; arrow keys step through its table or row of tiles.
const viewer = document.getElementById("viewer");
let current = null;
function show(button) {
  current = button;
  const image = button.querySelector("img");
  const large = viewer.querySelector("img");
  large.src = image.src;
  large.alt = image.alt;
  large.className = "pixelated" in button.dataset ? "pixelated" : "";
  large.style.cssText = button.style.cssText;
  viewer.querySelector(".caption").textContent = button.dataset.caption;
  const links = (button.dataset.originals || "").split(" ").filter(Boolean).map((href, index) => {
    const link = document.createElement("a");
    Object.assign(link, { href, target: "_blank", rel: "noopener", textContent: `full size ${index + 1}` });
    return link;
  });
  viewer.querySelector(".originals").replaceChildren(...links);
  if (!viewer.open) viewer.showModal();
}
function neighbour(key) {
  const cell = current.closest("td");
  if (cell && (key === "ArrowUp" || key === "ArrowDown")) {
    const rows = [...cell.closest("table").querySelectorAll("tr")].filter((row) => row.querySelector(".zoom"));
    const row = rows[rows.indexOf(cell.parentElement) + (key === "ArrowDown" ? 1 : -1)];
    return row && row.cells[cell.cellIndex] && row.cells[cell.cellIndex].querySelector(".zoom");
  }
  const group = [...current.closest("tr, .tiles").querySelectorAll(".zoom")];
  return group[group.indexOf(current) + ({ ArrowRight: 1, ArrowLeft: -1 }[key] || 0)];
}
document.addEventListener("click", (event) => {
  const button = event.target.closest(".zoom");
  if (button) show(button);
  else if (event.target === viewer) viewer.close();
});
viewer.addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow")) return;
  event.preventDefault();
  const next = neighbour(event.key);
  if (next) show(next);
});
viewer.addEventListener("close", () => current && current.focus());

// Values of chart points, beside the pointer; the point's whole trial is emphasised in all charts.
const tip = document.getElementById("tip");
document.addEventListener("pointerover", (event) => {
  const point = event.target.closest("[data-tip]");
  tip.hidden = !point;
  for (const curve of document.querySelectorAll(".curve.hot")) curve.classList.remove("hot");
  if (!point) return;
  tip.textContent = point.dataset.tip;
  const box = point.getBoundingClientRect();
  const left = Math.min(box.right + 8, window.innerWidth - tip.offsetWidth - 8);
  tip.style.transform = `translate(${Math.max(left, 8)}px, ${Math.max(box.top - tip.offsetHeight - 8, 8)}px)`;
  const trial = point.parentElement.dataset.trial;
  for (const curve of document.querySelectorAll(".curve")) curve.classList.toggle("hot", curve.dataset.trial === trial);
});

// Copying, with selection as the way out where the clipboard is closed.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// Links to a collapsed strip open it; printing opens all.
function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
reveal();

"use strict";
const wanted = document.getElementById("wanted");
const rows = Array.from(document.querySelectorAll("#list tbody tr"));

function search() {
  const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.words.includes(word));
    if (!row.hidden) shown += 1;
  }
  document.getElementById("said").textContent = shown === rows.length ? shown + " articles" : shown + " of " + rows.length + " articles";
}

wanted.addEventListener("input", search);
search();

"""What moves in the report: sliders of the threshold explorer. All it shows is set as text."""

SCRIPT = r"""
"use strict";
(() => {
  const explorer = document.getElementById("explorer");
  const grid = JSON.parse(explorer.dataset.grid);
  const sliders = [...explorer.querySelectorAll("input")];
  const rows = [...explorer.querySelectorAll("tbody tr")];
  const told = (number) => Math.round(number).toLocaleString("en-US");
  const passes = [(cell, cut) => cell > cut, (cell, cut) => cell <= cut, (cell, cut) => cell > cut];

  function kept(cuts) {
    const [places, documents, sizes] = grid.cells;
    const sum = { documents: 0, tokens: 0 };
    places.forEach((place, index) => {
      const reference = place % grid.shape[2];
      const others = (place - reference) / grid.shape[2];
      const perplexity = others % grid.shape[1];
      const cells = [(others - perplexity) / grid.shape[1], perplexity, reference];
      if (cells.every((cell, i) => passes[i](cell, cuts[i]))) {
        sum.documents += documents[index];
        sum.tokens += sizes[index] / grid.bytes_per_token;
      }
    });
    return sum;
  }

  function show(row, documents, tokens) {
    const before = Number(row.cells[3].textContent.replaceAll(",", ""));
    const change = before ? 100 * (Math.round(tokens) / before - 1) : 0;
    row.cells[2].textContent = told(documents);
    row.cells[4].textContent = told(tokens);
    row.cells[5].textContent = (change < 0 ? "" : "+") + change.toFixed(1) + "%";
  }

  function update() {
    const cuts = sliders.map((slider) => Number(slider.value));
    sliders.forEach((slider, i) => {
      const name = grid.names[i][cuts[i]];
      slider.setAttribute("aria-valuetext", name);
      slider.nextElementSibling.textContent = name;
    });
    const { documents, tokens } = kept(cuts);
    show(rows[grid.row], documents, tokens);
    show(rows[rows.length - 1], documents + grid.others.documents, tokens + grid.others.tokens);
    explorer.querySelector("[role=status]").textContent =
      grid.source + ": " + told(documents) + " documents, about " + told(tokens) + " tokens.";
    const settings = grid.settings.flatMap((of, i) => of[cuts[i]]);
    explorer.querySelector("code").textContent = settings.join(" \\\n") || "nothing to set: these are the run's own";
    explorer.querySelectorAll("[data-cut]").forEach((group) => {
      group.hidden = group.dataset.cut !== group.dataset.criterion + "-" + cuts[Number(group.dataset.criterion)];
    });
  }

  explorer.querySelector("form").hidden = false;
  sliders.forEach((slider) => slider.addEventListener("input", update));
  explorer.querySelector("form").addEventListener("reset", () => setTimeout(update));
  update();
})();
"""

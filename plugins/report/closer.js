"use strict";
// A closer look at a plot: values under the pointer, a part of it enlarged, its numbers and its picture as files; by uPlot.
(() => {
  const figures = document.querySelectorAll("figure[data-curves]");
  if (!figures.length || !window.uPlot || !window.HTMLDialogElement) return;
  const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const made = (tag, name, text = "") => Object.assign(document.createElement(tag), {className: name, textContent: text});

  const dialog = made("dialog", "closer"), title = made("h3", ""), place = made("div", ""), hint = made("p", "aside",
    "Drag over a part to enlarge it, double-click for the whole. A click on a name hides its line.");
  const row = made("div", "controls"), table = made("button", "", "csv"), picture = made("button", "", "png");
  const close = made("button", "", "Close");
  for (const button of [table, picture, close]) { button.type = "button"; row.append(button); }
  dialog.append(title, place, hint, row);
  document.body.append(dialog);
  let chart = null, shown = null, name = "";

  const DASHES = {t2: [6, 2.5], t3: [2, 2], t4: [8, 2.5, 2, 2.5], t5: [11, 3], t6: [4, 2, 1.5, 2, 1.5, 2]};  // as in style.css
  const middles = curve => curve.at ?? curve.values.map((_, k) => +(curve.from + k * curve.step).toPrecision(8));
  const said = value => value == null ? "–" : String(+value.toPrecision(4)).replace("-", "\u2212");
  const described = (text, unit) => unit ? `${text} (${unit})` : text;

  function draw(panel) {
    chart?.destroy();
    const ink = variable("--ink"), faint = variable("--line"), axis = {stroke: ink, grid: {stroke: faint, width: 1}, ticks: {stroke: faint}};
    const series = panel.curves.map(curve => ({label: curve.of, stroke: variable(`--${curve.style}`), width: 2, spanGaps: true,
      dash: DASHES[curve.style], points: {show: !!curve.few}, value: (_, value) => said(value)}));
    chart = new uPlot({width: place.clientWidth, height: Math.max(220, Math.min(520, innerHeight * 0.55)),
      scales: {x: {time: false}}, cursor: {drag: {x: true, y: false}},
      series: [{label: described(panel.x, panel.unit), value: (_, value) => said(value)}, ...series],
      axes: [{...axis, label: described(panel.x, panel.unit)}, {...axis, label: panel.y, size: 64}]},
      uPlot.join(panel.curves.map(curve => [middles(curve), curve.values])), place);
    chart.setScale("x", {min: panel.shown[0], max: panel.shown[1]});
  }

  function save(blob, suffix) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name.toLowerCase().replace(/[^a-z0-9]+/g, "-") + suffix;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  table.addEventListener("click", () => {
    const quoted = text => `"${String(text).replaceAll('"', '""')}"`;
    const head = [described(shown.x, shown.unit), ...shown.curves.map(curve => `${shown.y} of ${curve.of}`)].map(quoted);
    const rows = chart.data[0].map((_, k) => chart.data.map(column => column[k] ?? "").join(","));
    save(new Blob([[head.join(","), ...rows].join("\n") + "\n"], {type: "text/csv"}), ".csv");
  });
  picture.addEventListener("click", () => chart.ctx.canvas.toBlob(blob => save(blob, ".png")));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  addEventListener("resize", () => { if (dialog.open) chart.setSize({width: place.clientWidth, height: chart.height}); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (dialog.open) draw(shown); });

  for (const figure of figures) {
    const button = made("button", "csv", "closer"), caption = figure.querySelector("figcaption").firstChild.textContent.trim();
    button.type = "button"; button.setAttribute("aria-label", `A closer look at ${caption}`);
    const open = () => {
      name = caption; shown = JSON.parse(figure.dataset.curves);
      title.textContent = caption;
      dialog.showModal();
      draw(shown);
    };
    button.addEventListener("click", open);
    figure.querySelector("svg").addEventListener("click", open);
    figure.append(button);
  }
})();

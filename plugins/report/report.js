"use strict";
// Legend: every trajectory's lines can be hidden. The view: atoms and beads of some frames, drawn by 3Dmol.
(() => {
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", shown);
      for (const curve of document.querySelectorAll(".curve"))
        if (curve.dataset.of === button.dataset.of) curve.classList.toggle("off", !shown);
    });
  }

  const opened = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) { details.open = true; opened.push(details); }
  });
  addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  });

  // Tables as files: what stands in their cells, without the spaces that group digits, and with plain minus signs.
  const plain = cell => [...cell.childNodes].map(node => node.textContent.trim()).filter(Boolean).join(" ")
    .replace(/(\d)[\u202f\u2009](?=\d)/g, "$1").replaceAll("\u2212", "-").replace(/^(best: )?\u25c6?\s*(best: )?/, "").replace(/\s+/g, " ");
  for (const region of document.querySelectorAll(".scroll")) {
    const table = region.querySelector("table:not(.facts)");
    if (!table) continue;
    const button = document.createElement("button");
    button.type = "button"; button.className = "csv"; button.textContent = "csv";
    button.title = `Save “${region.getAttribute("aria-label")}” as a table`;
    button.addEventListener("click", () => {
      const rows = [...table.rows].map(row => [...row.cells].map(cell => `"${plain(cell).replaceAll('"', '""')}"`).join(","));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([rows.join("\n") + "\n"], {type: "text/csv"}));
      link.download = region.getAttribute("aria-label").toLowerCase().replace(/[^a-z0-9]+/g, "-") + ".csv";
      link.click();
      URL.revokeObjectURL(link.href);
    });
    region.after(button);
  }

  const source = document.getElementById("scene"), place = document.getElementById("viewer");
  if (!source || !place || !window.$3Dmol) return;
  const scene = JSON.parse(source.textContent);
  const beadColours = () => dark.matches ? ["#ffc24d", "#4fe0cd", "#ff8fb8", "#b9a5ff", "#cfe05a", "#c8c8c8"]
    : ["#c98a12", "#1f8f82", "#b0486e", "#7a63b8", "#7d8a22", "#777777"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Picometres in base64 to Angstrom.
  function positions(packed) {
    const bytes = Uint8Array.from(atob(packed.data), letter => letter.charCodeAt(0));
    const whole = packed.type === "int16" ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
    return Float64Array.from(whole, value => value / 100);
  }

  // Atoms of the first `count` molecules, as 3Dmol takes them.
  function atoms(points, counts, bonds, count, describe) {
    const n = counts.slice(0, count).reduce((a, b) => a + b, 0), list = [];
    for (let k = 0; k < n; k++)
      list.push({x: points[3 * k], y: points[3 * k + 1], z: points[3 * k + 2], bonds: [], bondOrder: [], ...describe(k)});
    for (let k = 0; k < bonds.length; k += 2) {
      const i = bonds[k], j = bonds[k + 1];
      if (i < n && j < n) { list[i].bonds.push(j); list[i].bondOrder.push(1); list[j].bonds.push(i); list[j].bondOrder.push(1); }
    }
    return list;
  }

  // Colours of numbers, from few to many; light ends stand out in neither theme, dark ones in both.
  const RAMP = [[69, 117, 180], [145, 191, 219], [224, 224, 190], [253, 174, 97], [215, 48, 39], [128, 0, 38]];
  const NONE = "#9a9ca3";
  const rgb = colour => `rgb(${colour.map(Math.round).join(",")})`;
  function ramp(share) {
    const place = Math.round(24 * Math.min(1, Math.max(0, share))) / 24 * (RAMP.length - 1), k = Math.min(RAMP.length - 2, Math.floor(place));
    return rgb(RAMP[k].map((x, c) => x + (RAMP[k + 1][c] - x) * (place - k)));
  }
  const said = value => Number(value) === Infinity ? "no finite number" :
    Number(value).toLocaleString("en", {maximumSignificantDigits: 4});

  // What beads are coloured by: values of the first trajectory that is shown and has them, on the scale of all.
  function colouring() {
    const by = scene.colourings[state.colouring];
    if (!by) return null;
    const values = by.values[state.frame];
    const order = [...buttons.map(button => button.dataset.of).filter(label => state.shown.has(label)),
      ...Object.keys(values)];
    const of = order.find(label => values[label]);
    if (!of) return null;
    const width = by.high - by.low || 1;
    return {by, of, values: values[of], colour: value => value === null ? NONE : ramp((Number(value) - by.low) / width)};
  }

  function explain(chosen) {
    const scale = document.getElementById("scale");
    if (!scale) return;
    scale.hidden = !chosen;
    if (!chosen) return;
    const {by, of, values} = chosen, unit = by.unit ? ` ${by.unit}` : "";
    document.getElementById("scale-low").textContent = `\u2264 ${said(by.low)}`;
    document.getElementById("scale-high").textContent = `\u2265 ${said(by.high)}${unit}`;
    document.getElementById("scale-text").textContent = `${by.name} of ${of}; of all beads of all trajectories `
      + `${said(by.least)} to ${said(by.most)}${values.includes(null) ? "; grey: none" : ""}`;
    scale.querySelector(".bar").style.background = `linear-gradient(90deg, ${RAMP.map(rgb).join(",")})`;
  }

  const state = {frame: 0, colouring: "", atoms: true, beads: !scene.ownBeads, box: false, count: scene.few, shown: new Set()};
  const moment = () => scene.frames[state.frame];
  let viewer = null;
  try {
    const test = document.createElement("canvas");
    if (!test.getContext("webgl2") && !test.getContext("webgl")) throw new Error("no WebGL");
    place.hidden = false;
    viewer = $3Dmol.createViewer(place, {backgroundColor: variable("--surface"), antialias: true, disableFog: false});
  } catch (error) {
    place.hidden = true;
    document.getElementById("no-webgl").hidden = false;
    return;
  }
  for (const part of document.querySelectorAll(".live")) part.hidden = false;
  for (const part of document.querySelectorAll(".still")) part.style.display = "none";

  const buttons = [...document.querySelectorAll(".controls button[data-of]")];
  for (const button of buttons) if (button.getAttribute("aria-pressed") === "true") state.shown.add(button.dataset.of);

  function drawAtoms(label, colour) {
    const list = atoms(positions(moment().trajectories[label]), scene.atomCounts, scene.bonds, state.count,
      k => ({elem: scene.elements[k], serial: k}));
    const model = viewer.addModel();
    model.addAtoms(list);
    const light = dark.matches ? "#d5d6da" : "#c3c5ca";
    const known = {C: colour, H: light, O: "#d0382e", N: "#3566d6", S: "#b89400", P: "#d07a10", F: "#24a347", CL: "#24a347", Cl: "#24a347", Br: "#8a3a1e"};
    if (scene.bond) {  // beads: their size follows from how far they are apart, nm to Angstrom
      model.setStyle({}, {stick: {radius: 0.6 * scene.bond, color: colour}, sphere: {radius: 1.6 * scene.bond, color: colour}});
      return;
    }
    model.setStyle({}, {stick: {radius: 0.11, colorfunc: atom => known[atom.elem] || "#8a8c92"}});
    model.setStyle({elem: "H"}, {stick: {radius: 0.07, colorfunc: () => light}});
  }

  function drawBeads() {
    const kinds = [...new Set(scene.beadTypes)], colours = beadColours(), chosen = colouring();
    const model = viewer.addModel(), opacity = state.atoms && state.shown.size ? (chosen ? 0.6 : 0.42) : 0.9;
    const list = atoms(positions(moment().beads), scene.beadCounts, scene.beadBonds, state.count,
      k => ({elem: "X", serial: k, size: 10 * scene.radius[k], paint: chosen ? chosen.colour(chosen.values[k])
        : colours[kinds.indexOf(scene.beadTypes[k]) % colours.length]}));
    model.addAtoms(list);
    for (const radius of new Set(list.map(bead => bead.size)))
      for (const paint of new Set(list.filter(bead => bead.size === radius).map(bead => bead.paint)))
        model.setStyle({predicate: bead => bead.size === radius && bead.paint === paint},
          {sphere: {radius, color: paint, opacity}});
    if (!chosen) return;
    const unit = chosen.by.unit ? ` ${chosen.by.unit}` : "";
    model.setHoverable({}, true, bead => {
      const value = chosen.values[bead.serial];
      bead.label ||= viewer.addLabel(`${scene.beadTypes[bead.serial]}: ${value === null ? "none" : said(value) + unit}`,
        {position: bead, backgroundColor: "black", backgroundOpacity: 0.75, fontColor: "white", fontSize: 12});
    }, bead => { if (bead.label) { viewer.removeLabel(bead.label); delete bead.label; } });
  }

  function drawBox() {
    const [corner, a, b, c] = moment().box.map(v => v.map(x => 10 * x));
    const add = (...vectors) => vectors.reduce((s, v) => s.map((x, k) => x + v[k]), corner);
    const point = v => ({x: v[0], y: v[1], z: v[2]});
    for (const [edge, one, two] of [[a, b, c], [b, a, c], [c, a, b]])
      for (const start of [[], [one], [two], [one, two]])
        viewer.addCylinder({start: point(add(...start)), end: point(add(...start, edge)), radius: 0.06,
          color: variable("--muted"), fromCap: 1, toCap: 1});
  }

  function draw(zoom) {
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.setBackgroundColor(variable("--surface"));
    for (const button of buttons) button.disabled = !moment().trajectories[button.dataset.of];
    if (state.atoms) for (const button of buttons)
      if (state.shown.has(button.dataset.of) && !button.disabled) drawAtoms(button.dataset.of, variable(`--${button.dataset.style}`));
    viewer.removeAllLabels();
    if (state.beads) drawBeads();
    explain(state.beads ? colouring() : null);
    if (state.box && moment().box) drawBox();
    if (zoom) { viewer.zoomTo(); viewer.zoom(1.08 * Math.min(1, place.clientWidth / place.clientHeight)); }
    viewer.render();
  }

  for (const button of buttons) button.addEventListener("click", () => {
    state.shown.delete(button.dataset.of) || state.shown.add(button.dataset.of);
    button.setAttribute("aria-pressed", state.shown.has(button.dataset.of));
    draw(false);
  });
  for (const button of document.querySelectorAll(".controls button[data-toggle]")) button.addEventListener("click", () => {
    const what = button.dataset.toggle;
    state[what] = !state[what];
    button.setAttribute("aria-pressed", state[what]);
    draw(what === "box");
  });
  document.getElementById("moment")?.addEventListener("change", event => { state.frame = +event.target.value; draw(false); });
  document.getElementById("molecules")?.addEventListener("change", event => { state.count = +event.target.value; draw(true); });
  document.getElementById("colouring")?.addEventListener("change", event => { state.colouring = event.target.value; draw(false); });
  document.getElementById("reset")?.addEventListener("click", () => {
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]); draw(true);
  });
  // The wheel scrolls the page until somebody has clicked into the view.
  let active = false;
  place.addEventListener("pointerdown", () => { active = true; }, true);
  place.addEventListener("pointerleave", () => { active = false; });
  place.addEventListener("wheel", event => { if (!active) event.stopImmediatePropagation(); }, {capture: true, passive: true});
  dark.addEventListener("change", () => draw(false));
  addEventListener("resize", () => { viewer.resize(); });
  draw(true);
  viewer.rotate(20, "y"); viewer.rotate(-15, "x"); viewer.render();
})();

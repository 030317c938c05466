/* The ways to look at a map. Each has a title, its HTML, `begin` (once), `fit` (for a new picture)
   and `draw`, which returns the end of the colours' scale, or null where there are no colours. */

import {
  AGAINST,
  FOR,
  centre,
  coverSpots,
  mean,
  mirror,
  mirrorCells,
  outline,
  pale,
  weightedSum,
} from "./engine.js";
import { describe, percent, placeOf, rounded } from "./words.js";

const pictured = (name, caption = "") =>
  `<figure><canvas class="${name}" role="img"></canvas><figcaption class="${name}-caption">${caption}</figcaption></figure>`;

export const VIEWS = {
  map: {
    title: "the map",
    html: `<div class="figures two">${pictured("seen", "what the network sees")}
      <figure><div class="cells"><canvas class="over" role="img"></canvas>
        <div class="grid" role="radiogroup" aria-label="cells of the map"></div></div>
        <figcaption>the map: point at a cell to read it</figcaption></figure></div>
      <p class="cell-number" aria-live="polite"></p>
      <details><summary>the channels behind this cell</summary><table class="terms"></table></details>`,

    begin({ element, state, go, name }) {
      const grid = element.querySelector(".grid");
      const cellAt = ({ target }) => target.closest("label")?.dataset.cell;
      grid.dataset.name = name;
      grid.onchange = ({ target }) => go({ cell: Number(target.value) });
      grid.onpointermove = (event) => {
        const cell = cellAt(event);
        if (cell !== undefined && Number(cell) !== state.pointed) go({ pointed: Number(cell) });
      };
      grid.onpointerleave = () => go({ pointed: undefined });
      // Up and down lead to the cell above and below; left and right are the browser's own.
      grid.onkeydown = (event) => {
        const step = { ArrowUp: -1, ArrowDown: 1 }[event.key] * grid.dataset.columns;
        if (step) event.preventDefault();
        const next = grid.querySelectorAll("input")[state.cell + step];
        if (next) (next.focus(), next.click());
      };
      element.querySelector("details").ontoggle = () => go({});
    },

    fit(element, { camOf }) {
      const { width, values } = camOf(0);
      const grid = element.querySelector(".grid");
      if (grid.children.length === values.length) return;
      grid.style.setProperty("--columns", width);
      grid.dataset.columns = width;
      const radio = (i) =>
        make("input", { type: "radio", name: grid.dataset.name, value: i });
      const cells = Array.from(values, (_, i) => make("label", {}, radio(i)));
      cells.forEach((label, i) => (label.dataset.cell = i));
      grid.replaceChildren(...cells);
      for (const input of grid.querySelectorAll("input"))
        input.setAttribute("data-lm-suppress-shortcuts", "true");
    },

    draw({ element, shown, state, cam, name, layOver }) {
      const at = (part) => element.querySelector(part);
      paint(at(".seen"), shown.picture);
      paint(at(".over"), layOver(cam));
      at(".seen").ariaLabel = `What the network sees of the picture ${shown.name}.`;
      at(".over").ariaLabel = describe(cam, name);
      const cell = state.pointed ?? state.cell;
      element.querySelectorAll(".grid input").forEach((input, i) => {
        input.ariaLabel = `row ${Math.floor(i / cam.width)}, column ${i % cam.width}: ${rounded(cam.values[i])}`;
        input.checked = i === state.cell;
        input.parentElement.dataset.number = i === cell ? rounded(cam.values[i]) : "";
      });
      at(".cell-number").textContent = `${placeOf(cell, cam)}: ${rounded(cam.values[cell])}`;
      if (at("details").open) drawTerms(at(".terms"), shown, state.class, cell, cam);
      at("details").hidden = !shown.channelsOf(state.class);
      return shown.limit;
    },
  },

  classes: {
    title: "two classes",
    html: `<label>the other class <select class="other"></select></label>
      <div class="figures three">${pictured("first")}${pictured("second")}${pictured("difference")}</div>
      <p class="note"></p>`,

    begin({ element, go }) {
      element.querySelector(".other").onchange = ({ target }) => go({ other: Number(target.value) });
    },

    fit(element, { categories }) {
      const option = (name, k) => make("option", { value: k, textContent: `${k} ${name}` });
      element.querySelector(".other").replaceChildren(...categories.map(option));
    },

    draw({ element, shown, state, cam, name, layOver }) {
      const at = (part) => element.querySelector(part);
      const other = shown.camOf(state.other);
      const difference = { ...cam, values: cam.values.map((v, i) => v - other.values[i]) };
      const second = shown.categories[state.other];
      // One scale for all three: a difference can be larger than both maps.
      const limit = Math.max(shown.limit, ...difference.values.map(Math.abs));
      const maps = { first: cam, second: other, difference };
      for (const key in maps) paint(at(`.${key}`), layOver(maps[key], limit));
      at(".first").ariaLabel = describe(cam, name);
      at(".second").ariaLabel = describe(other, second);
      at(".difference").ariaLabel = describe(difference, name, second);
      at(".first-caption").textContent = name;
      at(".second-caption").textContent = second;
      at(".difference-caption").textContent = `${name} minus ${second}: orange for the first`;
      at(".other").value = state.other;
      const minus = (numbers) => rounded(numbers[state.class] - numbers[state.other]);
      at(".note").textContent =
        `mean(difference) ${rounded(mean(difference))} + difference of the biases ` +
        `${minus(shown.biases)} = difference of the scores ${minus(shown.scores)}. ` +
        describe(difference, name, second);
      return limit;
    },
  },

  channels: {
    title: "channel by channel",
    html: `<div class="figures three">${pictured("channel")}${pictured("partial")}${pictured("whole", "the map")}</div>
      <label class="wide">channels added up <input type="range" class="count" min="1" value="1"></label>
      <p class="note"></p>`,

    begin({ element, go }) {
      element.querySelector(".count").oninput = ({ target }) => go({ channels: target.valueAsNumber });
    },

    draw({ element, shown, state, cam, name, layOver }) {
      const at = (part) => element.querySelector(part);
      const all = shown.channelsOf(state.class);
      if (!all) {
        at(".note").textContent = "The channels are not here: they are where the network runs.";
        return shown.limit;
      }
      const { order, sizes, weights, featureMaps } = bySize(all);
      const count = Math.min(Math.max(state.channels, 1), order.length);
      const last = order[count - 1];
      const partial = sumOf(order.slice(0, count), weights, featureMaps);
      const one = sumOf([last], weights, featureMaps);
      paint(at(".channel"), layOver(one));
      paint(at(".partial"), layOver(partial));
      paint(at(".whole"), layOver(cam));
      at(".channel").ariaLabel = describe(one, name);
      at(".partial").ariaLabel = describe(partial, name);
      at(".whole").ariaLabel = describe(cam, name);
      at(".channel-caption").textContent = `channel ${last}: weight ${rounded(weights[last])} × its feature map`;
      at(".partial-caption").textContent = `the first ${count} of ${order.length}, added up`;
      at(".count").max = order.length;
      at(".count").value = count;
      at(".note").textContent =
        `mean ${rounded(mean(partial))} of mean(map) ${rounded(mean(cam))}. ` +
        `Of all that channels add or take, ${halfOf(sizes)} channels make half.`;
      return shown.limit;
    },
  },

  mirror: {
    title: "the mirror test",
    html: `<div class="figures three">${pictured("straight", "the map")}
      ${pictured("mirrored", "the map of the mirrored picture")}
      ${pictured("outlines", "both outlines, the second mirrored back")}</div>
      <p class="note"></p>`,

    begin(tools) {
      this.redraw = tools.go;
    },

    draw({ element, shown, state, cam, name, layOver }) {
      const at = (part) => element.querySelector(part);
      if (!shown.mirror) {
        at(".note").textContent = "One moment: the network looks at the mirrored picture.";
        shown.mirror = { camOf: null };
        shown.mirrored().then((found) => {
          shown.mirror = found;
          this.redraw({});
        });
      }
      paint(at(".straight"), layOver(cam));
      if (!shown.mirror.camOf) return shown.limit;
      const reflected = shown.mirror.camOf(state.class);
      const back = mirrorCells(reflected);
      paint(at(".mirrored"), layOver(reflected, shown.limit, mirror(shown.paled)));
      const drawn = { ...shown.paled, data: new Uint8ClampedArray(shown.paled.data) };
      outline(drawn, cam, FOR, false);
      outline(drawn, back, AGAINST, true);
      paint(at(".outlines"), drawn);
      at(".straight").ariaLabel = describe(cam, name);
      at(".mirrored").ariaLabel = `The mirrored picture. ${describe(reflected, name)}`;
      at(".outlines").ariaLabel = `Both outlines, the second mirrored back. ${describe(back, name)}`;
      const offset = ((centre(cam) - centre(back)) / 2) * shown.side;
      at(".note").textContent = Number.isNaN(offset)
        ? `One of the maps speaks for ${name} nowhere, so it has no centre to compare.`
        : `The two centres lie ${Math.abs(2 * offset).toFixed(1)} pixels apart: the map is drawn ` +
          `${Math.abs(offset).toFixed(1)} pixels too far ${offset > 0 ? "right" : "left"}. ` +
          `A cell is ${shown.side / cam.width} pixels wide.`;
      return shown.limit;
    },
  },

  cover: {
    title: "cover a place",
    html: `<div class="figures two"><figure><canvas class="painted" tabindex="0" role="application"
        aria-label="The picture: paint grey with the pointer, or move with the arrow keys and cover with Space."></canvas>
        <figcaption>paint over a place: is it needed?</figcaption></figure>
      ${pictured("over", "the map of the covered picture")}</div>
      <p class="buttons"><button type="button" class="undo">undo</button>
        <button type="button" class="clear">clear</button></p>
      <p class="note" role="status"></p>`,

    begin({ element, go, shown }) {
      const canvas = element.querySelector(".painted");
      const brush = { x: 0.5, y: 0.5, isDown: false };
      const change = (covers) => {
        shown().covers = covers;
        this.look(shown(), go);
        go({});
      };
      const paintHere = (isNew) => {
        const strokes = [...(shown().covers ?? [])];
        const spot = { x: brush.x, y: brush.y, radius: 0.07 };
        strokes.push(isNew ? [spot] : [...strokes.pop(), spot]);
        change(strokes);
      };
      const follow = (event) => {
        const box = canvas.getBoundingClientRect();
        brush.x = (event.clientX - box.left) / box.width;
        brush.y = (event.clientY - box.top) / box.height;
      };
      canvas.onpointerdown = (event) => {
        event.preventDefault();
        canvas.focus();
        canvas.setPointerCapture(event.pointerId);
        brush.isDown = true;
        (follow(event), paintHere(true));
      };
      canvas.onpointermove = (event) => brush.isDown && (follow(event), paintHere(false));
      canvas.onpointerup = canvas.onpointercancel = () => (brush.isDown = false);
      canvas.onkeydown = (event) => {
        const [x, y] = STEPS[event.key] ?? [0, 0];
        if (event.key === " ") paintHere(true);
        brush.x = Math.min(1, Math.max(0, brush.x + x / 14));
        brush.y = Math.min(1, Math.max(0, brush.y + y / 14));
        if (event.key !== "Tab") event.preventDefault();
        go({});
      };
      element.querySelector(".undo").onclick = () => change((shown().covers ?? []).slice(0, -1));
      element.querySelector(".clear").onclick = () => change([]);
      this.brush = brush;
    },

    /** Ask what the network says of the covered picture; while it looks, only the last question
        waits. */
    async look(shown, go) {
      shown.isStale = true;
      if (shown.isLooking) return;
      shown.isLooking = true;
      while (shown.isStale) {
        shown.isStale = false;
        shown.afterCover = shown.covers.length ? await shown.covered(shown.covers.flat()) : null;
        go({});
      }
      shown.isLooking = false;
    },

    draw({ element, shown, state, name, layOver, cam }) {
      const at = (part) => element.querySelector(part);
      const covered = coverSpots(shown.picture, (shown.covers ?? []).flat());
      const canvas = at(".painted");
      paint(canvas, covered);
      if (document.activeElement === canvas || canvas.matches(":focus")) ring(canvas, this.brush);
      const now = shown.afterCover ?? shown;
      const map = now === shown ? cam : now.camOf(state.class);
      paint(at(".over"), layOver(map, shown.limit, pale(covered)));
      at(".over").ariaLabel = describe(map, name);
      const [before, after] = [shown.scores[state.class], now.scores[state.class]];
      at(".note").textContent = shown.covers?.length
        ? `${name}: score ${rounded(before)} → ${rounded(after)}, a change of ${rounded(after - before)}` +
          (shown.isLooking ? " …" : "")
        : `Nothing is covered: the score of ${name} is ${rounded(before)}.`;
      at(".undo").disabled = at(".clear").disabled = !shown.covers?.length;
      return shown.limit;
    },
  },

  scores: {
    title: "the scores",
    html: `<table class="scores"></table><p class="note"></p>`,

    fit(element, { reading = "softmax" }) {
      element.querySelector(".note").textContent = READINGS[reading];
    },

    draw({ element, shown, state }) {
      const best = shown.order.slice(0, 10);
      const rows = best.includes(state.class) ? best : [...best, state.class];
      const found = element.querySelector(".scores");
      table(found, "The best classes", ["rank", "class", "score", "probability"],
        rows.map((k) => [shown.ranks[k] + 1, shown.categories[k], rounded(shown.scores[k]), percent(shown.shares[k])]),
      );
      rows.forEach((k, i) => {
        const row = found.tBodies[0].rows[i];
        row.className = k === state.class ? "chosen" : "";
        row.cells[3].style.setProperty("--share", shown.shares[k]);
      });
      return null;
    },
  },
};

const READINGS = {
  softmax: "Probabilities are the softmax of the scores: positive, and 1 in sum.",
  sigmoid: "Each class stands for itself: its probability is the sigmoid of its score.",
  "as they are": "The scores are read as they are.",
};

// ---- Channels -----------------------------------------------------------------------------------

/** The five strongest terms of a cell's sum, the rest, and the cell. */
function drawTerms(element, shown, k, cell, cam) {
  const all = shown.channelsOf(k);
  if (!all) return;
  const { values } = all.featureMaps;
  const terms = Array.from(all.weights, (weight, channel) => {
    const activation = values[channel * cam.values.length + cell];
    return { channel, weight, activation, product: weight * activation };
  });
  const strongest = terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, 5);
  const rest = cam.values[cell] - strongest.reduce((sum, { product }) => sum + product, 0);
  table(
    element,
    `Cell ${placeOf(cell, cam)}`,
    ["channel", "weight", "× activation", "= adds"],
    [
      ...strongest.map((t) => [t.channel, ...[t.weight, t.activation, t.product].map(rounded)]),
      [`the other ${terms.length - strongest.length}`, "", "", rounded(rest)],
      ["the cell", "", "", rounded(cam.values[cell])],
    ],
  );
}

/** The channels of a class, those first that add or take most of the score. */
function bySize({ weights, featureMaps }) {
  const { height, width, values } = featureMaps;
  const cells = height * width;
  const sizes = Array.from(weights, (weight, c) =>
    Math.abs(weight * mean({ values: values.subarray(c * cells, (c + 1) * cells) })),
  );
  const order = [...weights.keys()].sort((a, b) => sizes[b] - sizes[a]);
  return { order, sizes: order.map((c) => sizes[c]), weights, featureMaps };
}

/** How many of the sizes, largest first, make half of their sum. */
function halfOf(sizes) {
  let rest = sizes.reduce((a, b) => a + b) / 2;
  return sizes.findIndex((size) => (rest -= size) <= 0) + 1;
}

/** The map that some channels make: as `weightedSum`, with the other weights at zero. */
function sumOf(channels, weights, featureMaps) {
  const few = new Float32Array(weights.length);
  for (const c of channels) few[c] = weights[c];
  return weightedSum(few, featureMaps);
}

// ---- Elements -----------------------------------------------------------------------------------

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function paint(canvas, { width, height, data }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

/** Where the brush is, for those who move it by keys. */
function ring(canvas, { x, y }) {
  const context = canvas.getContext("2d");
  for (const [colour, lineWidth] of [["black", 5], ["white", 2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth });
    context.beginPath();
    context.arc(x * canvas.width, y * canvas.height, 0.07 * canvas.width, 0, 2 * Math.PI);
    context.stroke();
  }
}

export function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function table(element, caption, heads, rows) {
  element.replaceChildren();
  element.createCaption().textContent = caption;
  const head = element.createTHead().insertRow();
  for (const text of heads) head.append(make("th", { scope: "col", textContent: text }));
  const body = element.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((text, i) =>
      line.append(
        i ? make("td", { textContent: text }) : make("th", { textContent: text, scope: "row" }),
      ),
    );
  }
}

/* The page: one picture, one network, one class, and five ways to look at the map. */

import {
  AGAINST,
  FOR,
  isolateWeights,
  mean,
  mirror,
  overlay,
  pale,
  probabilities,
  upsample,
  weightedSum,
} from "./engine.js";

const DATA = JSON.parse(document.getElementById("data").textContent);
const MOST_PIXELS = 60e6; // 240 MB in memory
const LEAST_SIDE = 8;
const LARGEST_RATIO = 20; // a longer strip would grow too large when its short side is resized
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

// What stands in the address. `shown` holds what the worker found for it.
const state = { picture: "", network: "", class: 0, view: "map", other: 0, cell: 0 };
let shown = null;

// ---- The worker: questions and answers ----------------------------------------------------------

const source = [$("engine").textContent, $("worker").textContent];
const worker = new Worker(URL.createObjectURL(new Blob(source, { type: "text/javascript" })));
const waiting = [];
worker.onmessage = ({ data: { answer, error } }) => {
  const { resolve, reject } = waiting.shift(); // answers come in the order of the questions
  if (error) reject(new Error(error));
  else resolve(answer);
};

function ask(job, question) {
  worker.postMessage({ job, ...question });
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

const networks = {};
function network(name) {
  networks[name] ??= ask("load", { name, ...DATA.networks[name] });
  return networks[name];
}

// ---- A picture comes in -------------------------------------------------------------------------

/** The file of a shipped picture. */
function shippedFile({ type, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type });
}

/** Raise an error with a sentence for the reader where a file is no usable picture. */
async function check(file) {
  const name = file.name || "This picture";
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!bytes.length) throw new Error(`${name} is empty: choose another file.`);
  const text = new TextDecoder("latin1").decode(bytes);
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) =>
      Object.assign(image, { onload: resolve, onerror: reject }),
    );
  } catch {
    const isHeic = /^ftyp(hei|hev|mif|msf)/.test(text.slice(4));
    const advice = isHeic
      ? "is a HEIC picture, which this browser cannot open. Save it as JPEG first."
      : "is no picture that this browser can open. JPEG, PNG, WebP and GIF work in all of them.";
    throw new Error(`${name} ${advice}`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
  const { naturalWidth: width, naturalHeight: height } = image; // known before it is decoded
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  let fault = "";
  if (width * height > MOST_PIXELS) fault = "too large: make it smaller first";
  else if (short < LEAST_SIDE) fault = "too small";
  else if (long > short * LARGEST_RATIO) fault = "too long and narrow for a square crop";
  if (fault) throw new Error(`${name} has ${width} × ${height} pixels, which is ${fault}.`);
  if (isCutShort(bytes, text)) throw new Error(`${name} is damaged or cut short. Copy it again.`);
}

/** Browsers show the upper part of a file that is cut short; what must end it is missing. */
function isCutShort(bytes, text) {
  const isAfter = (end, part) => text.lastIndexOf(end) > text.lastIndexOf(part);
  if (text.startsWith("\xff\xd8")) return !isAfter("\xff\xd9", "\xff\xda"); // JPEG
  if (text.startsWith("PNG", 1)) return !isAfter("IEND", "IDAT");
  const length = text.startsWith("RIFF") ? new DataView(bytes.buffer).getUint32(4, true) : 0; // WebP
  return bytes.length < length;
}

/** Explain a picture and put it on the screen. Where it cannot be opened, say why: the last good
    picture stays. `wanted` is the state to go to, as far as it is known. */
let turn = 0;
async function show(file, wanted) {
  const mine = ++turn;
  $("stage").ariaBusy = "true";
  say("");
  try {
    const [known] = await Promise.all([network(wanted.network), check(file)]);
    const found = await ask("explain", { network: wanted.network, file });
    if (mine !== turn) return; // something newer was chosen meanwhile
    const order = [...found.scores.keys()].sort((a, b) => found.scores[b] - found.scores[a]);
    shown = { ...found, file, order, network: known, paled: pale(found.large), mirrored: null };
    shown.probabilities = probabilities(found.scores);
    Object.assign(state, { class: order[0], other: order[1], cell: -1 }, wanted);
    for (const name of ["class", "other"]) if (!(state[name] in order)) state[name] = order[0];
    const { values } = camOf(state.class);
    if (!(state.cell in values)) state.cell = values.indexOf(Math.max(...values)); // the peak
    arrange();
    draw();
  } catch (error) {
    if (mine === turn) say(error.message);
    if (shown) arrange(); // the controls show what still stands
  } finally {
    if (mine === turn) $("stage").ariaBusy = "false";
  }
}

function say(sentence) {
  $("message").textContent = sentence;
}

/** Show a shipped picture, with the network and the class it begins with, or those of `wanted`. */
function showShipped(name, wanted = {}) {
  const picture = DATA.pictures.find((one) => one.name === name);
  const start = { network: picture.network };
  if (picture.class !== null && (wanted.network ?? picture.network) === picture.network) {
    start.class = picture.class;
  }
  return show(shippedFile(picture), { ...start, ...wanted, picture: name });
}

/** Show a picture of the reader's own, to the network for photographs unless they chose another. */
function showOwn(file) {
  if (!file) return;
  show(file, { network: state.picture ? DATA.forPhotographs : state.network, picture: "" });
}

// ---- What a class has to say --------------------------------------------------------------------

function camOf(k) {
  return weightedSum(isolateWeights(shown.network, k).weights, shown.featureMaps);
}

const nameOf = (k) => shown.network.categories[k];
const rounded = (number) => (Math.round(number * 100) / 100 + 0).toFixed(2);
const minus = (cam, other) => ({ ...cam, values: cam.values.map((v, i) => v - other.values[i]) });
const percent = (share) => `${(share * 100).toFixed(1)} %`;

function placeOf(cell, { width, height }) {
  const [row, column] = [Math.floor(cell / width), cell % width];
  const down = ["upper", "middle", "lower"][Math.floor(((row + 0.5) / height) * 3)];
  const across = ["left", "middle", "right"][Math.floor(((column + 0.5) / width) * 3)];
  const place = down === across ? "the middle" : `the ${down} ${across}`;
  return `${place} (row ${row}, column ${column})`;
}

/** A map in words, for those who do not see it. */
function words(cam, name, other = "") {
  const [least, most] = [Math.min(...cam.values), Math.max(...cam.values)];
  const place = (number) => `${placeOf(cam.values.indexOf(number), cam)}, ${rounded(number)}`;
  const above = cam.values.filter((number) => number > 0).length;
  return (
    `Most for ${name}: ${most > 0 ? place(most) : "nowhere"}. ` +
    `Most ${other ? `for ${other}` : "against it"}: ${least < 0 ? place(least) : "nowhere"}. ` +
    `${above} of ${cam.values.length} cells speak for ${name}.`
  );
}

// ---- The views: each draws the map of the chosen class ------------------------------------------

const VIEWS = {
  map(cam) {
    paint($("crop"), shown.large);
    paint($("map"), overlay(shown.paled, cam, shown.limit));
    $("crop").ariaLabel =
      `The crop that the network sees${state.picture ? ` of the picture ${state.picture}` : ""}.`;
    $("map").ariaLabel = words(cam, nameOf(state.class));
  },

  cells(cam) {
    paint($("cells-map"), overlay(shown.paled, cam, shown.limit));
    all("#cells label").forEach((label, i) => {
      label.querySelector("span").textContent = rounded(cam.values[i]);
      label.querySelector("input").ariaLabel =
        `row ${Math.floor(i / cam.width)}, column ${i % cam.width}: ${rounded(cam.values[i])}`;
      label.querySelector("input").checked = i === state.cell;
    });
    const { weights } = isolateWeights(shown.network, state.class);
    const { values } = shown.featureMaps;
    const terms = Array.from(weights, (weight, channel) => {
      const activation = values[channel * cam.values.length + state.cell];
      return { channel, weight, activation, product: weight * activation };
    });
    const strongest = terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, 5);
    const rest = cam.values[state.cell] - strongest.reduce((sum, { product }) => sum + product, 0);
    table(
      $("cell-sum"),
      `Cell ${placeOf(state.cell, cam)}`,
      ["channel", "weight", "× activation", "= adds"],
      [
        ...strongest.map((t) => [t.channel, ...[t.weight, t.activation, t.product].map(rounded)]),
        [`the other ${terms.length - strongest.length}`, "", "", rounded(rest)],
        ["the cell", "", "", rounded(cam.values[state.cell])],
      ],
    );
  },

  classes(cam) {
    const other = camOf(state.other);
    const difference = minus(cam, other);
    const [first, second] = [nameOf(state.class), nameOf(state.other)];
    // One scale for all three: a difference can be larger than both maps.
    const limit = Math.max(shown.limit, ...difference.values.map(Math.abs));
    setScale(limit);
    paint($("first"), overlay(shown.paled, cam, limit));
    paint($("second"), overlay(shown.paled, other, limit));
    paint($("difference"), overlay(shown.paled, difference, limit));
    $("first").ariaLabel = words(cam, first);
    $("second").ariaLabel = words(other, second);
    $("difference").ariaLabel = words(difference, first, second);
    $("second-name").textContent = second;
    $("difference-name").textContent = `${first} minus ${second}: orange for the first`;
    $("other").value = state.other;
    const biases = [state.class, state.other].map((k) => isolateWeights(shown.network, k).bias);
    $("difference-sum").textContent =
      `mean(difference) ${rounded(mean(difference))} + difference of the biases ` +
      `${rounded(biases[0] - biases[1])} = difference of the scores ` +
      `${rounded(shown.scores[state.class] - shown.scores[state.other])}`;
  },

  mirror(cam) {
    if (!shown.mirrored) return askMirror();
    const { weights } = isolateWeights(shown.network, state.class);
    const reflected = weightedSum(weights, shown.mirrored.featureMaps);
    const back = {
      ...cam,
      values: cam.values.map((_, i) => {
        const column = i % cam.width;
        return reflected.values[i - column + cam.width - 1 - column];
      }),
    };
    paint($("straight"), overlay(shown.paled, cam, shown.limit));
    paint($("mirrored"), overlay(mirror(shown.paled), reflected, shown.limit));
    const drawn = { ...shown.paled, data: new Uint8ClampedArray(shown.paled.data) };
    outline(drawn, cam, FOR, false);
    outline(drawn, back, AGAINST, true);
    paint($("outlines"), drawn);
    const name = nameOf(state.class);
    $("straight").ariaLabel = words(cam, name);
    $("mirrored").ariaLabel = `The mirrored picture. ${words(reflected, name)}`;
    $("outlines").ariaLabel =
      `The outlines of both, the second mirrored back. ${words(back, name)}`;
    const offset = ((centre(cam) - centre(back)) / 2) * shown.crop.width;
    $("mirror-sum").textContent = Number.isNaN(offset)
      ? `One of the maps speaks for ${name} nowhere, so it has no centre to compare.`
      : `The two centres lie ${Math.abs(2 * offset).toFixed(1)} pixels apart: the map is drawn ` +
        `${Math.abs(offset).toFixed(1)} pixels too far ${offset > 0 ? "right" : "left"}. ` +
        `A cell is ${shown.crop.width / cam.width} pixels wide.`;
  },

  scores() {
    const best = shown.order.slice(0, 10);
    const rows = best.includes(state.class) ? best : [...best, state.class];
    const line = (k) => [
      shown.order.indexOf(k) + 1,
      nameOf(k),
      rounded(shown.scores[k]),
      percent(shown.probabilities[k]),
    ];
    table(
      $("scores"),
      "The best classes",
      ["rank", "class", "score", "probability"],
      rows.map(line),
    );
    rows.forEach((k, i) => {
      const row = $("scores").tBodies[0].rows[i];
      row.className = k === state.class ? "chosen" : "";
      row.cells[3].style.setProperty("--share", shown.probabilities[k]);
    });
  },
};

/** Explain the mirrored picture, once, and draw again. */
async function askMirror() {
  const asked = shown;
  $("mirror-sum").textContent = "One moment: the network looks at the mirrored picture.";
  asked.mirrored = await ask("explainMirrored", { network: state.network, crop: asked.crop });
  if (asked === shown) draw();
}

/** The centre of a map's squared positive part, from 0 (left) to 1; NaN where there is none. */
function centre({ width, values }) {
  let [sum, moment] = [0, 0];
  values.forEach((value, i) => {
    const weight = Math.max(value, 0) ** 2;
    sum += weight;
    moment += (weight * ((i % width) + 0.5)) / width;
  });
  return moment / sum;
}

/** Draw the line at half of a map's highest value, solid or dashed. */
function outline({ width, height, data }, cam, colour, isDashed) {
  const { values } = upsample(cam, height, width);
  const level = values.reduce((a, b) => Math.max(a, b)) / 2;
  const isIn = (at) => values[at] > level;
  for (let y = 0; y < height - 2; y++) {
    for (let x = 0; x < width - 2; x++) {
      const at = y * width + x;
      const isEdge = isIn(at) !== isIn(at + 2) || isIn(at) !== isIn(at + 2 * width); // 2 pixels wide
      const isGap = isDashed && (x + y) % 14 > 8;
      if (level > 0 && isEdge && !isGap) data.set([...colour, 255], at * 4);
    }
  }
}

function paint(canvas, { width, height, data }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
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

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// ---- The screen: controls for a new picture, then whatever changes with the class ---------------

/** Fit the controls to the picture and the network. */
function arrange() {
  const { categories } = shown.network;
  if ($("list").options.length !== categories.length) {
    const options = () =>
      categories.map((name, k) => make("option", { value: k, textContent: `${k} ${name}` }));
    $("list").replaceChildren(...options());
    $("other").replaceChildren(...options());
    $("names").replaceChildren(...categories.map((name) => make("option", { value: name })));
    $("slider").max = categories.length - 1;
  }
  $("best").replaceChildren(
    ...shown.order
      .slice(0, 5)
      .map((k) =>
        make(
          "button",
          { type: "button", value: k, onclick: () => go({ class: k }) },
          `${nameOf(k)} `,
          make("span", { textContent: rounded(shown.scores[k]) }),
        ),
      ),
  );
  const { width, height } = shown.featureMaps;
  if ($("cells").children.length !== width * height) {
    $("cells").style.setProperty("--columns", width);
    $("cells").replaceChildren(
      ...Array.from({ length: width * height }, (_, i) =>
        make(
          "label",
          {},
          make("input", { type: "radio", name: "cell", value: i }),
          make("span", {}),
        ),
      ),
    );
  }
  for (const input of all("[name=network]")) input.checked = input.value === state.network;
  for (const button of all("#gallery button")) button.ariaPressed = button.value === state.picture;
}

function setScale(limit) {
  $("low").textContent = rounded(-limit);
  $("high").textContent = rounded(limit);
}

/** Draw everything that depends on class and view. */
function draw() {
  if (!shown) return;
  const k = state.class;
  const cam = camOf(k);
  const { bias } = isolateWeights(shown.network, k);
  const score = rounded(shown.scores[k]);
  const rank = shown.scores.reduce((better, other) => better + (other > shown.scores[k]), 1);
  const title =
    `${nameOf(k)}: score ${score}, rank ${rank} of ${shown.scores.length}, ` +
    `probability ${percent(shown.probabilities[k])}`;
  $("title").textContent = title;
  $("balance").firstElementChild.textContent =
    `mean(map) ${rounded(mean(cam))} + bias ${rounded(bias)} = score ${score}`;
  for (const element of all(".class-name")) element.textContent = nameOf(k);
  for (const part of all("[data-view]")) part.hidden = part.dataset.view !== state.view;
  for (const input of all("[name=view]")) input.checked = input.value === state.view;
  $("scale").hidden = state.view === "scores";
  $("slider").value = $("list").value = k;
  $("slider").setAttribute("aria-valuetext", title);
  for (const button of all("#best button")) button.ariaPressed = Number(button.value) === k;
  setScale(shown.limit);
  VIEWS[state.view](cam);
  later(() => tell(cam));
}

/** What can wait until the slider rests: the text twin, and the address. */
function tell(cam) {
  $("words").textContent = words(cam, nameOf(state.class));
  const named = Object.entries(state).filter(
    ([key, value]) =>
      value !== "" &&
      (key !== "other" || state.view === "classes") &&
      (key !== "cell" || state.view === "cells"),
  );
  history.replaceState(null, "", `#${new URLSearchParams(named)}`);
}

let timer;
function later(work) {
  clearTimeout(timer);
  timer = setTimeout(work, 200);
}

/** Change the state; the screen follows with the next frame, however many changes there are. */
let frame = 0;
function go(change) {
  Object.assign(state, change);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(draw);
}

/** Go where the address leads. What it does not say, or says wrongly, is as at the beginning. */
function readAddress() {
  const said = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const picture = DATA.pictures.find(({ name }) => name === said.picture) ?? DATA.pictures[0];
  const wanted = { view: said.view in VIEWS ? said.view : "map" };
  if (said.network in DATA.networks) wanted.network = said.network;
  for (const key of ["class", "other", "cell"]) {
    if (/^\d+$/.test(said[key])) wanted[key] = Number(said[key]);
  }
  showShipped(picture.name, wanted);
}

/** Find a class by index, by its name, by the beginning of a name, or by any part of one. */
function find(text) {
  const wanted = text.trim().toLowerCase();
  const names = shown.network.categories.map((name) => name.toLowerCase());
  const tests = [
    (name) => name === wanted,
    (name) => name.startsWith(wanted),
    (name) => name.includes(wanted),
  ];
  if (/^\d+$/.test(wanted) && wanted in names) return Number(wanted);
  return wanted ? (tests.map((test) => names.findIndex(test)).find((k) => k >= 0) ?? -1) : -1;
}

// ---- What the reader does -----------------------------------------------------------------------

for (const { name, type, base64 } of DATA.pictures) {
  const text = name.replace("photo:", "photograph: ").replaceAll("_", " ");
  const image = make("img", { src: `data:${type};base64,${base64}`, alt: text, title: text });
  const onclick = () => showShipped(name, { view: state.view });
  $("gallery").append(make("button", { type: "button", value: name, onclick }, image));
}
for (const name of Object.keys(DATA.networks)) {
  const onchange = () => show(shown.file, { network: name, picture: state.picture });
  const input = make("input", { type: "radio", name: "network", value: name, onchange });
  $("networks").append(make("label", {}, input, ` ${name}`));
}
for (const link of all("[data-notebook]"))
  link.href = `${DATA.notebooks}${link.dataset.notebook}.ipynb`;

$("slider").oninput = () => go({ class: Number($("slider").value) });
$("list").onchange = () => go({ class: Number($("list").value) });
$("other").onchange = () => go({ other: Number($("other").value) });
$("views").onchange = ({ target }) => go({ view: target.value });
$("cells").onchange = ({ target }) => go({ cell: Number(target.value) });
$("find").onchange = () => {
  const text = $("find").value;
  const k = find(text);
  if (k >= 0) go({ class: k });
  const unknown = `${state.network} knows no class “${text}”. The list has all its names.`;
  say(k >= 0 || !text ? "" : unknown);
};
// Up and down lead to the cell above and below; left and right are the browser's own.
$("cells").onkeydown = (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key] * shown.featureMaps.width;
  const next = all("#cells input")[state.cell + step];
  if (step) event.preventDefault();
  if (next) (next.focus(), next.click());
};

for (const id of ["file", "camera"]) {
  $(id).onchange = () => {
    showOwn($(id).files[0]);
    $(id).value = ""; // so that the same file can be chosen again
  };
}
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  showOwn(event.dataTransfer.files[0]);
};
document.onpaste = (event) => showOwn(event.clipboardData.files[0]);

const ramp = { width: 256, height: 1, data: new Uint8ClampedArray(256 * 4).fill(255) };
for (let i = 0; i < 256; i++) ramp.data.fill(128, i * 4, i * 4 + 3);
const values = Float32Array.from({ length: 256 }, (_, i) => (i / 255) * 2 - 1);
paint($("bar"), overlay(ramp, { width: 256, height: 1, values }, 1));

window.onhashchange = readAddress;
readAddress();

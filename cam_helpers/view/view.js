/* The view: everything that a person sees and touches, wherever it stands.

   `mount` fills an element of a page, of a frame in a notebook, or of a widget. What there is to
   see comes from a source: a worker with a network, numbers that Python laid in, or a kernel.

   What a source shows is { picture, name, network, categories, scores, biases, limit, camOf(k),
   channelsOf(k) }. `picture` holds the pixels to draw on; `camOf` returns the map of a class;
   `channelsOf` returns { weights, featureMaps } of a class, null where they are not here. A source
   may answer questions, each with a promise: `mirrored()` and `covered(mask)`. */

import { mean, overlay, pale, probabilities } from "./engine.js";
import { make, paint, VIEWS } from "./views.js";
import { describe, find, percent, rounded } from "./words.js";

const HTML = `
<h2 class="title">One moment</h2>
<fieldset class="tabs"><legend>look at</legend></fieldset>
<div class="stage"></div>
<div class="legend"><span class="low"></span><canvas class="bar" role="img"
  aria-label="The colours: purple speaks against the class, none adds nothing, orange speaks for it."></canvas><span class="high"></span>
  <span class="against">against</span><span>adds nothing</span><span class="for">for</span></div>
<p class="balance"></p><p class="source"></p>
<div class="turn"><button type="button" class="before" aria-label="one step left">‹</button>
  <input type="range" class="slider" min="0" step="1" aria-label="class">
  <button type="button" class="after" aria-label="one step right">›</button></div>
<div class="best" role="group" aria-label="the best classes"></div>
<div class="more">
  <label>find <input type="search" class="find" autocomplete="off" placeholder="a class by name"></label>
  <label>list <select class="list"></select></label>
  <label><input type="checkbox" class="by-index"> slider by index</label>
  <label>opacity <input type="range" class="opacity" min="0" max="1" step="0.05"></label>
  <button type="button" class="compare">hold: photograph</button>
  <button type="button" class="copy">copy</button>
  <button type="button" class="save-png">save PNG</button>
  <button type="button" class="save-csv">save CSV</button>
</div>
<p class="found" role="status"></p>
<p class="words" aria-live="polite"></p>`;

const BEGINNING = { class: -1, other: -1, cell: -1, view: "map", opacity: 0.85, channels: 0 };
let mounted = 0;

/** Fill `root`; return { show, go, state }. `show(shown, wanted)` puts a new picture on the screen,
    `go(change)` changes the state, and `changed(state)` is called after each drawing. */
export function mount(root, { views = Object.keys(VIEWS), changed = () => {} } = {}) {
  root.classList.add("cam-view");
  root.classList.toggle("single", views.length === 1);
  root.innerHTML = HTML;
  root.inert = true; // until there is something to choose from
  const part = (name) => root.querySelector(`.${name}`);
  const state = { ...BEGINNING, view: views[0] };
  const number = ++mounted; // radio buttons of one name belong together, in the whole document
  let shown = null;
  let isComparing = false;

  // A copy for each place: what a view remembers belongs to one of them.
  const own = Object.fromEntries(views.map((key) => [key, { ...VIEWS[key] }]));
  for (const [key, view] of Object.entries(own)) {
    const element = make("div", { className: `view ${key}`, innerHTML: view.html, hidden: true });
    part("stage").append(element);
    const radio = { type: "radio", name: `view-${number}`, value: key };
    part("tabs").append(make("label", {}, make("input", radio), ` ${view.title}`));
    view.begin?.({ element, state, go, name: `${key}-${number}`, shown: () => shown });
  }

  // ---- A new picture ----------------------------------------------------------------------------

  function show(next, wanted = {}) {
    const order = [...next.scores.keys()].sort((a, b) => next.scores[b] - next.scores[a]);
    const isOther = shown?.categories.length !== next.categories.length;
    shown = { ...next, order, paled: pale(next.picture) };
    shown.shares ??= probabilities(next.scores);
    shown.ranks = [];
    order.forEach((k, rank) => (shown.ranks[k] = rank));
    Object.assign(state, { class: order[0], other: order[1] ?? order[0], cell: -1 }, wanted);
    if (!views.includes(state.view)) state.view = views[0];
    for (const key of ["class", "other"]) if (!(state[key] in order)) state[key] = order[0];
    const { values } = shown.camOf(state.class);
    if (!(state.cell in values)) state.cell = values.indexOf(Math.max(...values)); // the peak
    if (isOther) {
      const options = shown.categories.map((name, k) =>
        make("option", { value: k, textContent: `${k} ${name}` }),
      );
      part("list").replaceChildren(...options);
      part("slider").max = order.length - 1;
    }
    offer(order.slice(0, 5), "the best classes");
    for (const key of views) own[key].fit?.(element(key), shown);
    part("source").textContent = `${shown.name}, seen by ${shown.network}`;
    root.inert = false;
    draw();
  }

  const element = (key) => root.querySelector(`.view.${key}`);

  /** Put classes on the buttons, with their scores. */
  function offer(classes, label) {
    part("best").ariaLabel = label;
    part("best").replaceChildren(
      ...classes.map((k) =>
        make(
          "button",
          { type: "button", value: k, onclick: () => choose(k) },
          `${shown.categories[k]} `,
          make("span", { textContent: rounded(shown.scores[k]) }),
        ),
      ),
    );
    quietKeys();
  }

  // ---- Drawing ----------------------------------------------------------------------------------

  function draw() {
    if (!shown) return;
    const k = state.class;
    const cam = shown.camOf(k);
    const name = shown.categories[k];
    const score = rounded(shown.scores[k]);
    const title =
      `${name}: score ${score}, rank ${shown.ranks[k] + 1} of ${shown.order.length}` +
      (shown.reading === "as they are" ? "" : `, probability ${percent(shown.shares[k])}`);
    part("title").textContent = title;
    part("balance").textContent =
      `mean(map) ${rounded(mean(cam))} + bias ${rounded(shown.biases[k])} = score ${score}`;
    for (const key of views) element(key).hidden = key !== state.view;
    for (const radio of part("tabs").querySelectorAll("input"))
      radio.checked = radio.value === state.view;
    for (const button of part("best").children) button.ariaPressed = Number(button.value) === k;
    part("slider").value = part("by-index").checked ? k : shown.ranks[k];
    part("slider").setAttribute("aria-valuetext", title);
    part("opacity").value = state.opacity;
    const layOver = (other, limit = shown.limit, paled = shown.paled) =>
      isComparing ? shown.picture : overlay(paled, other, limit, state.opacity);
    const view = own[state.view];
    const limit = view.draw({ element: element(state.view), shown, state, cam, name, layOver });
    part("legend").hidden = limit === null;
    part("low").textContent = rounded(-(limit ?? shown.limit));
    part("high").textContent = rounded(limit ?? shown.limit);
    later(() => {
      part("words").textContent = describe(cam, name);
      part("list").value = k; // a list of 1000 names takes 10 ms to lay out
    });
    changed(state);
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
    if (!frame)
      frame = requestAnimationFrame(() => {
        frame = 0;
        draw();
      });
  }

  // ---- What a person does -----------------------------------------------------------------------

  function choose(k) {
    part("found").textContent = "";
    go({ class: k });
  }
  const turn = (step) => {
    if (!shown) return;
    const byIndex = part("by-index").checked;
    const at = (byIndex ? state.class : shown.ranks[state.class]) + step;
    if (at in shown.order) choose(byIndex ? at : shown.order[at]);
  };
  part("before").onclick = () => turn(-1);
  part("after").onclick = () => turn(1);
  part("slider").oninput = ({ target: { valueAsNumber: at } }) =>
    choose(part("by-index").checked ? at : shown.order[at]);
  part("by-index").onchange = () => go({});
  part("list").onchange = () => choose(Number(part("list").value));
  part("tabs").onchange = ({ target }) => go({ view: target.value });
  part("opacity").oninput = ({ target }) => go({ opacity: target.valueAsNumber });
  part("find").onchange = () => {
    const text = part("find").value;
    const { found, kind } = find(text, shown.categories, shown.order);
    if (found.length) choose(found[0]);
    if (found.length > 1) offer(found.slice(0, 8), `classes for ${text}`);
    else offer(shown.order.slice(0, 5), "the best classes");
    let sentence = "";
    if (kind) sentence = `all kinds of ${kind}: ${found.length}, the best first`;
    else if (text && !found.length)
      sentence = `${shown.network} knows no class “${text}”. The list has all its names.`;
    part("found").textContent = sentence;
  };

  const compare = (isOn) => () => {
    if (isComparing === isOn) return;
    isComparing = isOn;
    part("compare").ariaPressed = isOn;
    go({});
  };
  part("compare").onpointerdown = part("compare").onkeydown = (event) => {
    if (event.key === undefined || event.key === " " || event.key === "Enter") compare(true)();
  };
  for (const kind of ["pointerup", "pointerleave", "keyup", "blur"])
    part("compare").addEventListener(kind, compare(false));

  // ---- Take it away -----------------------------------------------------------------------------

  function save(blob, kind) {
    const name = `${shown.name} ${shown.categories[state.class]}`.replace(/[^\p{L}\p{N}]+/gu, "_");
    const link = make("a", { href: URL.createObjectURL(blob), download: `${name}.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  part("save-csv").onclick = () => {
    const { width, values } = shown.camOf(state.class);
    const rows = Array.from({ length: values.length / width }, (_, row) =>
      [...values.slice(row * width, (row + 1) * width)].join(","),
    );
    save(new Blob([rows.join("\n") + "\n"], { type: "text/csv" }), "csv");
  };
  const figure = () => {
    const canvases = [...element(state.view).querySelectorAll("canvas")];
    return sheet(canvases, [part("title").textContent, ...captions()], part("bar"));
  };
  part("save-png").onclick = async () => save(await figure(), "png");
  part("copy").onclick = async () => {
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": figure() })]);
      part("found").textContent = "The figure is copied: paste it where you write.";
    } catch {
      part("found").textContent = "This browser lets nothing be copied here: save the PNG instead.";
    }
  };
  const captions = () => [
    part("legend").hidden ? "" : `colours from ${part("low").textContent} (purple, against) to ${part("high").textContent} (orange, for)`,
    `${part("balance").textContent} · ${part("source").textContent}`,
  ];

  /** JupyterLab takes plain keys from controls that do not bear this mark. */
  function quietKeys() {
    for (const control of root.querySelectorAll("input, select, button"))
      control.setAttribute("data-lm-suppress-shortcuts", "true");
  }

  const ramp = { width: 256, height: 1, data: new Uint8ClampedArray(256 * 4).fill(255) };
  for (let i = 0; i < 256; i++) ramp.data.fill(128, i * 4, i * 4 + 3);
  const values = Float32Array.from({ length: 256 }, (_, i) => (i / 255) * 2 - 1);
  paint(part("bar"), overlay(ramp, { width: 256, height: 1, values }, 1));
  quietKeys();
  return { show, go, state };
}

/** The pictures of a view side by side, with lines of text and the colours under them, as PNG. */
function sheet(canvases, lines, bar) {
  const side = 448;
  const canvas = make("canvas", { width: canvases.length * side, height: side + 30 + 22 * lines.length });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  canvases.forEach((each, i) => context.drawImage(each, i * side, 0, side, side));
  context.drawImage(bar, 8, side + 8, Math.min(canvas.width - 16, 600), 14);
  context.fillStyle = "black";
  context.font = "15px system-ui, sans-serif";
  lines.forEach((line, i) => context.fillText(line, 8, side + 42 + 22 * i, canvas.width - 16));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

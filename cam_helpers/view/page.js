/* The page: pictures and networks to choose from, around the view, and the address of it all. */

import { isolateWeights, weightedSum } from "./engine.js";
import { make } from "./views.js";
import { mount } from "./view.js";
import { check } from "./files.js";

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

// ---- The worker: questions and answers ----------------------------------------------------------

const texts = ["engine", "worker"].map((id) => $(id).textContent);
const worker = new Worker(URL.createObjectURL(new Blob(texts, { type: "text/javascript" })));
const waiting = [];
worker.onmessage = ({ data: { answer, error, share } }) => {
  if (share) return $("view").style.setProperty("--share", share);
  const { resolve, reject } = waiting.shift(); // answers come in the order of the questions
  if (error) reject(new Error(error));
  else resolve(answer);
};

function ask(job, question) {
  worker.postMessage({ job, ...question });
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

const networks = {};
function load(name) {
  networks[name] ??= ask("load", { name, ...DATA.networks[name] });
  return networks[name];
}

/** What the worker found, as the view takes it. */
function shownBy(name, network, { crop, large, featureMaps, limit, scores }) {
  const again = async (job, more) => {
    const found = await ask(job, { network: network.name, crop, ...more });
    return shownBy(name, network, { ...found, large });
  };
  return {
    name,
    network: network.name,
    categories: network.categories,
    picture: large,
    side: crop.width,
    scores,
    biases: network.classifier.bias,
    limit,
    camOf: (k) => weightedSum(isolateWeights(network, k).weights, featureMaps),
    channelsOf: (k) => ({ weights: isolateWeights(network, k).weights, featureMaps }),
    mirrored: () => again("explainMirrored"),
    covered: (spots) => again("explainCovered", { spots }),
  };
}

// ---- A picture comes in -------------------------------------------------------------------------

const view = mount($("view"), { changed: () => later(writeAddress) });
const own = new Map(); // the reader's pictures, by name
let current = { picture: "", network: "", file: null }; // what was asked for last

/** The file of a picture: a shipped one, or the reader's own. */
function fileOf(name) {
  const shipped = DATA.pictures.find((one) => one.name === name);
  return shipped ? fileFrom(shipped) : own.get(name);
}

function fileFrom({ name, type, base64 }) {
  return new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type });
}

/** Explain a picture and put it on the screen. Where it cannot be opened, say why: the last good
    picture stays. `wanted` is the state to go to, as far as it is known. */
let turn = 0;
async function show(picture, network, wanted = {}) {
  const mine = ++turn;
  const before = current;
  current = { picture, network };
  busy(true);
  say("");
  try {
    const file = fileOf(picture);
    const [known] = await Promise.all([load(network), check(file)]);
    const found = await ask("explain", { network, file });
    if (mine !== turn) return; // something newer was chosen meanwhile
    view.show(shownBy(picture, known, found), { view: view.state.view, ...wanted });
    guess(picture, network);
    if (before.picture && (before.picture !== picture || before.network !== network))
      history.pushState(null, "", address());
    else writeAddress();
  } catch (error) {
    if (mine !== turn) return;
    own.delete(picture);
    current = before;
    say(error.message);
  } finally {
    if (mine === turn) busy(false);
    mark();
  }
}

function busy(isBusy) {
  $("view").ariaBusy = isBusy;
  $("view").style.setProperty("--share", 0);
}

function say(sentence) {
  $("message").textContent = sentence;
}

/** Show which picture and which network are chosen. */
function mark() {
  for (const input of all("[name=network]")) input.checked = input.value === current.network;
  for (const button of all("#gallery button"))
    button.ariaPressed = button.value === current.picture;
}

/** Show a shipped picture, with the network and the class it begins with, or those of `wanted`. */
function showShipped(name, wanted = {}) {
  const picture = DATA.pictures.find((one) => one.name === name);
  const network = wanted.network ?? picture.network;
  const start = picture.class !== null && network === picture.network ? { class: picture.class } : {};
  return show(name, network, { ...start, ...wanted });
}

/** Show a picture of the reader's own, to the network for photographs unless they chose another. */
async function showOwn(file) {
  if (!file) return;
  const name = file.name || "pasted picture";
  const isFirst = !own.size;
  own.set(name, file);
  await show(name, isFirst ? DATA.forPhotographs : current.network);
  if (current.picture !== name) return;
  addToGallery(name, URL.createObjectURL(file), () => show(name, current.network));
  mark();
  keep(name, file);
}

/** Keep a picture of the reader's own until the tab is closed, so that it survives a reload. */
async function keep(name, file) {
  const reader = new FileReader();
  reader.readAsDataURL(file);
  await new Promise((resolve) => (reader.onload = resolve));
  const [type, base64] = reader.result.slice(5).split(";base64,");
  try {
    sessionStorage.setItem("own", JSON.stringify({ name, type, base64 }));
  } catch {
    say(`${name} is too large to be kept: after a reload, choose it again.`);
  }
}

function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem("own"));
    if (!kept) return;
    own.set(kept.name, fileFrom(kept));
    addToGallery(kept.name, `data:${kept.type};base64,${kept.base64}`, () =>
      show(kept.name, current.network),
    );
  } catch {
    // A browser that keeps nothing for files: the page works without.
  }
}

// ---- The opening: guess first -------------------------------------------------------------------

/** Under the four photographs in one: what may the network find where? */
function guess(picture, network) {
  const guesses = picture === "photo:four" && network === DATA.forPhotographs ? DATA.guesses : [];
  $("guess").hidden = !guesses.length;
  $("guess").replaceChildren(
    "Where will it look for ",
    ...guesses.map(([name, k]) => make("button", { type: "button", onclick: () => view.go({ class: k, view: "map" }) }, `${name}?`)),
    " Guess, then touch.",
  );
}

// ---- The address --------------------------------------------------------------------------------

function address() {
  const { class: k, other, cell, view: name } = view.state;
  const named = { ...current, class: k, view: name };
  if (name === "classes") named.other = other;
  if (name === "map") named.cell = cell;
  return `#${new URLSearchParams(named)}`;
}

function writeAddress() {
  if (location.hash !== address()) history.replaceState(null, "", address());
}

let timer;
function later(work) {
  clearTimeout(timer);
  timer = setTimeout(work, 200);
}

/** Go where the address leads. What it does not say, or says wrongly, is as at the beginning. */
function readAddress() {
  const said = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const wanted = { view: said.view ?? "map" };
  if (Object.hasOwn(DATA.networks, said.network ?? "")) wanted.network = said.network;
  for (const key of ["class", "other", "cell"]) {
    if (/^\d+$/.test(said[key])) wanted[key] = Number(said[key]);
  }
  if (own.has(said.picture)) return show(said.picture, wanted.network ?? DATA.forPhotographs, wanted);
  const picture = DATA.pictures.find(({ name }) => name === said.picture) ?? DATA.pictures[0];
  return showShipped(picture.name, wanted);
}

// ---- What the reader does -----------------------------------------------------------------------

function addToGallery(name, src, onclick) {
  const text = name.replace("photo:", "photograph: ").replaceAll("_", " ");
  const image = make("img", { src, alt: text, title: text });
  $("gallery").append(make("button", { type: "button", value: name, onclick }, image));
}
for (const { name, type, base64 } of DATA.pictures)
  addToGallery(name, `data:${type};base64,${base64}`, () => showShipped(name));
for (const [name, { title }] of Object.entries(DATA.networks)) {
  const onchange = () => show(current.picture, name);
  const input = make("input", { type: "radio", name: "network", value: name, onchange });
  $("networks").append(make("label", {}, input, ` ${title} (${name})`));
}
for (const link of all("[data-notebook]"))
  link.href = DATA.notebooks.replace("{}", link.dataset.notebook);

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
$("link").onclick = async () => {
  writeAddress();
  await navigator.clipboard.writeText(location.href).catch(() => {});
  say(`${own.has(current.picture) ? "The link opens your own picture in this tab only. " : ""}The address line holds the link.`);
};

window.onpopstate = readAddress;
restore();
readAddress();

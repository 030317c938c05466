/* The view as a widget: numbers from Python, state to and from Python, questions to the kernel.
   It moves without the kernel; only new questions wait for it. */

import { shownBy } from "./frame.js";
import { mount } from "./view.js";

const TRAITS = { class: "class_index", other: "other_index", view: "view", cell: "cell" };

async function render({ model, el }) {
  const questions = new Map();
  let last = 0;
  const ask = (job, more = {}) =>
    new Promise((resolve) => {
      const id = `${Math.random()} ${++last}`; // another view of the same model asks, too
      questions.set(id, resolve);
      model.send({ id, job, ...more });
    });
  const onAnswer = async ({ id, numbers }) => {
    const resolve = questions.get(id);
    questions.delete(id);
    resolve?.(await shownBy(numbers));
  };
  model.on("msg:custom", onAnswer);

  // A cell is a number in the view, and (row, column) in Python.
  const toView = (key, value) =>
    key === "cell" ? value[0] * model.get("numbers").maps.width + value[1] : value;
  const toPython = (key, value) => {
    const { width } = model.get("numbers").maps;
    return key === "cell" ? [Math.floor(value / width), value % width] : value;
  };
  const said = () =>
    Object.fromEntries(Object.entries(TRAITS).map(([key, trait]) => [key, toView(key, model.get(trait))]));

  const view = mount(el, {
    views: model.get("views"),
    changed(state) {
      const told = Object.entries(TRAITS).map(([key, trait]) => [trait, toPython(key, state[key])]);
      model.set(Object.fromEntries(told)); // all at once: each is followed as soon as it is set
      model.save_changes();
    },
  });
  const show = async () => {
    const shown = await shownBy(model.get("numbers"));
    shown.mirrored = () => ask("mirrored");
    shown.covered = (spots) => ask("covered", { spots });
    view.show(shown, said());
  };
  const follow = () => {
    const wanted = said();
    if (Object.keys(wanted).some((key) => wanted[key] !== view.state[key])) view.go(wanted);
  };
  model.on("change:numbers", show);
  for (const trait of Object.values(TRAITS)) model.on(`change:${trait}`, follow);
  window.addEventListener("keydown", quieten, true);
  await show();
  return () => model.off(null, null, null);
}

/** JupyterLab takes plain keys from the sliders of ipywidgets that are linked to the view, too. */
function quieten({ target, key, shiftKey, ctrlKey, altKey, metaKey }) {
  const isTheirs = shiftKey || ctrlKey || altKey || metaKey || key === "Escape";
  if (target.closest?.(".jupyter-widgets"))
    target.toggleAttribute("data-lm-suppress-shortcuts", !isTheirs);
}

// The timeline: three canvases on top of each other, each drawn anew only when something on it has changed.
// `back` holds what is costly (waveform, pictures, curves), `marks` what is dragged, `top` what moves while it plays.

import { byId } from "../dom.js";
import { accentHue, hueOf, hueOfPicture } from "../hues.js";
import { lockedParts } from "../locked.js";
import { Filmstrip } from "../pictures.js";
import { lowerBound } from "../search.js";
import { signal, whenever } from "../signal.js";
import {
  draft,
  durationSecs,
  grid,
  hops,
  hoverSecs,
  hues,
  isPlaying,
  laneWidth,
  loop,
  peaks,
  plan,
  playheadSecs,
  sections,
  selection,
  song,
  state,
  view,
} from "../store.js";
import { fromTheMiddle } from "../strip-times.js";
import { clamped, wholeSong } from "../view.js";
import { pixelOf, readColours } from "./colours.js";
import { drawBeats } from "./draw-beats.js";
import { DEFAULT_CURVES, drawCurves } from "./draw-curves.js";
import { drawPrompts } from "./draw-prompts.js";
import { drawBarLines, drawRuler } from "./draw-ruler.js";
import { drawBorders, drawOverview, drawSections } from "./draw-sections.js";
import { drawStrip, shownSteps } from "./draw-strip.js";
import { drawTop } from "./draw-top.js";
import { layOut } from "./lanes.js";
import { emptyScene } from "./scene.js";
import { seriesOf } from "./series.js";
import { WavePainter } from "./wave.js";

/** A picture that takes longer is drawn for the strip only when somebody asks. */
const SLOW_MS = 1500;
/** Prompts in the window whose pictures are fetched for their colours. */
const MAX_COLOURS = 60;
/** Lanes with a panel behind them. */
const PANELS = /** @type {const} */ (["wave", "beats", "strip", "prompts", "curves"]);

export const scene = emptyScene();
export const shownCurves = signal(/** @type {readonly string[]} */ (DEFAULT_CURVES));
/** Whether a strip of a slow model was asked for. */
export const isStripWanted = signal(false);
/** Whether the strip waits for somebody to ask. */
export const isStripSlow = signal(false);

const strip = new Filmstrip(() => {
  invalidate("back");
  colourPrompts();
});
const painter = new WavePainter();
const due = { back: false, marks: false, top: false };
/** @type {ImageData | null} */
let waveImage = null;
/** @type {Uint32Array} */
let wavePixels = new Uint32Array();
let frame = 0;
/** The corrections that `scene.locked` was read from. */
let fixText = "";
/** Milliseconds that drawing took, newest last; for measuring. @type {number[]} */
export const drawTimes = [];

/** @typedef {keyof typeof due} Layer */

/** @param {...Layer} layers */
export function invalidate(...layers) {
  for (const layer of layers) due[layer] = true;
  frame ||= requestAnimationFrame(draw);
}

export function start() {
  new ResizeObserver(measure).observe(byId("lanes", HTMLElement));
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", recolour);
  accentHue.watch(recolour);
  measure();
  view.watch((current) => {
    const isSame = current.startSecs === scene.view.startSecs && current.pxPerSec === scene.view.pxPerSec;
    scene.view = current;
    if (isSame) return;
    invalidate("back", "marks", "top");
  });
  whenever([grid, sections], () => {
    scene.grid = grid.value;
    scene.sections = sections.value;
    scene.sectionSeries = seriesOf(sections.value, scene.colours.series.length);
    invalidate("back", "marks", "top");
  });
  whenever([song, peaks, hops], () => {
    scene.durationSecs = durationSecs();
    const text = song.value?.beats.text ?? "";
    if (text !== fixText) {
      fixText = text;
      scene.locked = lockedParts(text);
    }
    scene.peaks = peaks.value;
    scene.hops = hops.value;
    invalidate("back", "marks", "top");
  });
  whenever([plan], takePlan);
  whenever([shownCurves], () => {
    scene.curves = new Set(shownCurves.value);
    invalidate("back");
  });
  whenever([selection], () => {
    scene.selection = selection.value;
    invalidate("marks");
  });
  playheadSecs.watch((secs) => {
    scene.playheadSecs = secs;
    invalidate("top");
  });
  whenever([hoverSecs, loop, draft], () => {
    scene.draftSecs = draft.value?.secs ?? null;
    scene.hoverSecs = hoverSecs.value;
    scene.loop = loop.value;
    invalidate("top");
  });
  whenever([isStripWanted, state, isPlaying], () => invalidate("back"));
}

function takePlan() {
  const current = plan.value;
  scene.plan = current;
  scene.arrivals = Float64Array.from(current?.prompts ?? [], (prompt) => prompt.arrival_secs);
  strip.show(song.value?.name ?? "", current?.revision ?? 0);
  colourPrompts();
  invalidate("back", "marks", "top");
}

/** Hues of prompts by their words and seed. @type {Map<string, number>} */
const knownHues = new Map();

/** Each prompt has the colour of its picture, as soon as that has once been drawn. */
function colourPrompts() {
  const next = (scene.plan?.prompts ?? []).map(({ text, seed, arrival_secs }) => {
    const key = `${text} ${seed ?? ""}`;
    const picture = strip.pictures.get(arrival_secs);
    const hue = picture ? hueOfPicture(picture) : null;
    if (hue !== null) knownHues.set(key, hue);
    return knownHues.get(key) ?? hueOf(text);
  });
  if (next.length === scene.hues.length && next.every((hue, index) => hue === scene.hues[index])) return;
  scene.hues = next;
  hues.value = next;
  invalidate("marks");
}

/** Fits the canvases to their box and to the screen's pixels. */
function measure() {
  const box = byId("lanes", HTMLElement);
  const scale = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const isSmall = matchMedia("(max-width: 900px), (max-height: 800px)").matches;
  const wasWhole = scene.view.pxPerSec <= wholeSong(durationSecs(), scene.width).pxPerSec * 1.001;
  scene.width = Math.max(box.clientWidth, 50);
  scene.scale = scale;
  scene.dpr = devicePixelRatio;
  scene.layout = layOut(scale, isSmall);
  box.style.height = `${scene.layout.height}px`;
  for (const layer of /** @type {const} */ (["back", "marks", "top"])) {
    const canvas = canvasOf(layer);
    canvas.width = Math.round(scene.width * scene.dpr);
    canvas.height = Math.round(scene.layout.height * scene.dpr);
  }
  strip.height = Math.round(scene.layout.byName.strip.height * scene.dpr);
  laneWidth.value = scene.width;
  placeLaneNames();
  const wanted = wasWhole ? wholeSong(durationSecs(), scene.width) : clamped(view.value, durationSecs(), scene.width);
  view.value = wanted;
  recolour();
}

function recolour() {
  scene.colours = readColours();
  invalidate("back", "marks", "top");
}

/** Puts the names beside their lanes. */
function placeLaneNames() {
  for (const lane of scene.layout.lanes) {
    const name = document.querySelector(`#lane-names [data-lane="${lane.name}"]`);
    if (!(name instanceof HTMLElement)) continue;
    name.style.top = `${lane.top}px`;
    name.style.height = `${lane.height}px`;
  }
}

/** @param {Layer} layer */
function canvasOf(layer) {
  return byId(`lanes-${layer}`, HTMLCanvasElement);
}

/** @type {Partial<Record<Layer, CanvasRenderingContext2D>>} */
const contexts = {};

/** A layer's canvas, cleared, in CSS pixels. @param {Layer} layer */
function cleared(layer) {
  const ctx = (contexts[layer] ??= /** @type {CanvasRenderingContext2D} */ (canvasOf(layer).getContext("2d")));
  ctx.setTransform(scene.dpr, 0, 0, scene.dpr, 0, 0);
  ctx.clearRect(0, 0, scene.width, scene.layout.height);
  return ctx;
}

function draw() {
  frame = 0;
  const began = performance.now();
  if (due.back) drawBack(cleared("back"));
  if (due.marks) drawMarks(cleared("marks"));
  if (due.top) drawTop(cleared("top"), scene);
  due.back = due.marks = due.top = false;
  drawTimes.push(performance.now() - began);
  if (drawTimes.length > 600) drawTimes.shift();
}

/** @param {CanvasRenderingContext2D} ctx */
function drawBack(ctx) {
  const { layout, width, colours } = scene;
  ctx.fillStyle = colours.panel;
  for (const name of PANELS) {
    const lane = layout.byName[name];
    ctx.fillRect(0, lane.top, width, lane.height);
  }
  drawWave(ctx);
  drawStrip(ctx, scene, strip, stripHint());
  drawBarLines(ctx, scene, layout.byName.curves);
  drawCurves(ctx, scene);
  wishForPictures();
}

/** @param {CanvasRenderingContext2D} ctx */
function drawWave(ctx) {
  const { layout, dpr, colours, view: shown } = scene;
  if (!scene.peaks || !scene.hops) return;
  const lane = layout.byName.wave;
  const width = canvasOf("back").width;
  const height = Math.round(lane.height * dpr);
  if (waveImage?.width !== width || waveImage.height !== height) {
    waveImage = new ImageData(width, height);
    wavePixels = new Uint32Array(waveImage.data.buffer);
  }
  const paint = {
    background: pixelOf(colours.panel),
    low: pixelOf(colours.low),
    mid: pixelOf(colours.mid),
    high: pixelOf(colours.high),
  };
  painter.paint(
    wavePixels,
    width,
    height,
    scene.peaks,
    scene.hops,
    shown.startSecs,
    1 / (shown.pxPerSec * dpr),
    paint,
  );
  ctx.putImageData(waveImage, 0, Math.round(lane.top * dpr));
}

/** @param {CanvasRenderingContext2D} ctx */
function drawMarks(ctx) {
  const { layout } = scene;
  drawBarLines(ctx, scene, layout.byName.beats);
  drawRuler(ctx, scene);
  drawSections(ctx, scene);
  drawBeats(ctx, scene);
  drawPrompts(ctx, scene);
  for (const name of /** @type {const} */ (["wave", "beats", "curves"])) drawBorders(ctx, scene, layout.byName[name]);
  drawOverview(ctx, scene);
}

/** Says how long a picture takes where that is long. */
function stripHint() {
  const model = state.value?.model;
  isStripSlow.value = Boolean(
    model && !model.is_bundled && (model.frame_ms ?? SLOW_MS) >= SLOW_MS && !isStripWanted.value,
  );
  if (!isStripSlow.value) return "";
  return model?.frame_ms
    ? `A picture takes ${(model.frame_ms / 1000).toFixed(1)} s with this model.`
    : "Pictures are drawn when you ask.";
}

/** Asks for the pictures that the window shows, nearest to its middle first. */
function wishForPictures() {
  const steps = shownSteps(scene);
  if (!steps || isStripSlow.value) {
    strip.stop();
    return;
  }
  const wishes = fromTheMiddle(steps.first, steps.last, steps.stepSecs, steps.start, steps.end);
  // Behind them, the pictures that prompts take their colours from.
  const first = lowerBound(scene.arrivals, Math.max(scene.view.startSecs, steps.start));
  const last = lowerBound(
    scene.arrivals,
    Math.min(scene.view.startSecs + scene.width / scene.view.pxPerSec, steps.end),
  );
  strip.want([...wishes, ...scene.arrivals.subarray(first, Math.min(last, first + MAX_COLOURS))]);
}

"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { frames, flags, figures, inks } = JSON.parse(byId("report-data").textContent);

  // --- Contact sheet: order, filters, search ------------------------------------------------

  const sheet = byId("sheet");
  const tools = byId("tools");
  const worstFirst = Array.from(sheet.children);
  const inOrder = worstFirst.slice().sort((a, b) => positionOf(a) - positionOf(b));
  const cards = inOrder;
  let shown = worstFirst.map(positionOf);

  cards.forEach((card, position) => {
    card.querySelector(".card-link").href = addressOf(position);
  });
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", arrangeSheet);
  // A picture that was never made must not show as a broken one.
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement) event.target.classList.add("is-missing");
  }, true);
  document.addEventListener("load", (event) => {
    if (event.target instanceof HTMLImageElement) event.target.classList.remove("is-missing");
  }, true);
  // Those that failed before this script ran say so only now.
  for (const picture of sheet.querySelectorAll("img")) {
    if (picture.complete && picture.currentSrc && !picture.naturalWidth) picture.classList.add("is-missing");
  }
  // A browser may restore the controls of a page seen before.
  arrangeSheet();

  function positionOf(card) {
    return Number(card.dataset.position);
  }

  function arrangeSheet() {
    const choice = new FormData(tools);
    const name = (choice.get("name") || "").trim().toLowerCase();
    const flag = choice.get("flag") || "";
    const wanted = (frame) =>
      hasState(frame, choice.get("filter")) &&
      (!flag || flagsOf(frame).includes(flag)) &&
      (!name || frame.stem.toLowerCase().includes(name) || frame.scan.toLowerCase().includes(name));

    const order = choice.get("order") === "sequence" ? inOrder : worstFirst;
    if (Array.from(sheet.children).some((card, i) => card !== order[i])) sheet.replaceChildren(...order);
    for (const card of order) card.hidden = !wanted(frames[positionOf(card)]);
    shown = order.filter((card) => !card.hidden).map(positionOf);
    byId("shown").textContent =
      shown.length === frames.length ? "" : `${shown.length} of ${frames.length} shown`;
    byId("nothing").hidden = shown.length > 0;
  }

  function hasState(frame, filter) {
    if (filter === "flagged") return flagsOf(frame).length > 0;
    return !filter || filter === "all" || frame.state === filter;
  }

  function flagsOf(frame) {
    return frame.quality ? frame.quality.flags : [];
  }

  // --- Frame view ----------------------------------------------------------------------------

  const viewer = byId("viewer");
  const stage = byId("stage");
  const paper = byId("paper");
  const split = byId("split");
  const pictures = {
    scan: byId("scan-picture"),
    lines: byId("lines-picture"),
    previous: byId("previous-picture"),
    next: byId("next-picture"),
  };
  const MODES = ["slider", "overlay", "onion", "clean", "scan", "strokes"];
  const ON_TWOS_MILLISECONDS = 1000 / 12;
  let current = -1;
  let mode = "slider";
  let zoom = 0; // 0 fits the stage; otherwise screen pixels per scan pixel
  let isPlaying = false;

  function addressOf(position) {
    return "#frame/" + frames[position].address;
  }

  function positionInAddress() {
    const address = location.hash;
    return address.startsWith("#frame/") ? frames.findIndex((_, i) => addressOf(i) === address) : -1;
  }

  /** The address decides what is shown, so that a frame can be bookmarked and 'back' leads back. */
  function followAddress() {
    const position = positionInAddress();
    if (position < 0) {
      if (viewer.open) viewer.close();
      return;
    }
    if (!viewer.open) {
      viewer.showModal();
      byId("viewer-name").focus();
    }
    show(position);
  }

  function goTo(position) {
    history.replaceState(null, "", addressOf(position));
    show(position);
  }

  function show(position) {
    current = position;
    const frame = frames[position];
    byId("viewer-name").firstElementChild.textContent = frame.stem;
    const turn = shown.indexOf(position);
    byId("viewer-place").textContent = turn < 0 ? "" : `${turn + 1} of ${shown.length}`;
    byId("previous").disabled = turn === 0;
    byId("next").disabled = turn === shown.length - 1;
    byId("zoom").disabled = byId("play").disabled = !frame.pictures;
    paper.hidden = !frame.pictures;
    stage.classList.toggle("is-void", !frame.pictures);
    byId("stage-note").hidden = true;
    place = -1;
    if (frame.pictures) showPictures(frame);
    else noteOnStage(noPictureText(frame));
    byId("layers").hidden = mode !== "strokes" || !frame.pictures;
    showLegend();
    byId("notes").replaceChildren(...notesOn(frame));
    byId("side").scrollTop = 0;
    preloadAround(position);
  }

  function noPictureText(frame) {
    if (frame.failure) return frame.failure.message;
    if (frame.state === "waiting") return "This frame is still waiting.";
    return "This frame was cleaned without a report. Its drawings are linked beside; clean with --report to see it here.";
  }

  function showPictures(frame) {
    setPicture(pictures.scan, frame.pictures.scan);
    setPicture(pictures.lines, linesPicture(frame));
    pictures.scan.alt = `Scan of ${frame.stem}`;
    pictures.lines.alt = `Clean drawing of ${frame.stem}`;
    showNeighbours();
    showLayers();
    fitPaper();
  }

  /** Magnified, the drawing itself is shown; the small picture would be blurred. */
  function linesPicture(frame) {
    const drawing = (frame.outputs || []).find((output) => output.label === "png");
    return zoom && drawing ? drawing.url : frame.pictures.lines;
  }

  function setPicture(picture, url) {
    if (!url) picture.removeAttribute("src");
    else if (picture.getAttribute("src") !== url) picture.src = url;
  }

  function showNeighbours() {
    const isOnion = mode === "onion" && !isPlaying;
    for (const [name, offset] of [["previous", -1], ["next", 1]]) {
      const neighbour = isOnion ? neighbourOf(current, offset) : undefined;
      setPicture(pictures[name], neighbour && neighbour.pictures.lines);
    }
  }

  /** The next finished frame of the same level, in the order of the film, whatever the sheet shows. */
  function neighbourOf(position, offset) {
    const { level } = frames[position];
    for (let i = position + offset; i >= 0 && i < frames.length; i += offset) {
      if (frames[i].level === level && frames[i].pictures) return frames[i];
    }
    return undefined;
  }

  function showLegend() {
    const legend = byId("legend");
    const frame = frames[current];
    const parts = [];
    if (frame.pictures && mode === "overlay") {
      parts.push(swatch("lines", "clean line"), swatch("pencil", "pencil on the scan"));
    }
    if (frame.pictures && mode === "strokes") {
      const kinds = new Set(placesOf(frame).map(([kind]) => kind));
      for (const kind of kinds) parts.push(swatch(kind, PLACE_WORDS[kind].toLowerCase()));
    }
    if (frame.pictures && mode === "onion") {
      const [previous, next] = [neighbourOf(current, -1), neighbourOf(current, 1)];
      if (previous) parts.push(swatch("previous", previous.stem));
      if (next) parts.push(swatch("next", next.stem));
      if (!parts.length) parts.push(element("span", "", "no neighbours in this level"));
    }
    legend.replaceChildren(...parts);
  }

  function swatch(kind, text) {
    const item = element("span", `swatch swatch-${kind}`);
    item.append(element("i"), element("bdi", "", text));
    return item;
  }

  function preloadAround(position) {
    const place = shown.indexOf(position);
    for (const other of [shown[place + 1], shown[place - 1]]) {
      const frame = frames[other];
      if (!frame || !frame.pictures) continue;
      const { scan, lines, strokes } = frame.pictures;
      for (const url of mode === "strokes" ? [scan, strokes] : [scan, lines]) if (url) new Image().src = url;
    }
  }

  function noteOnStage(text) {
    const note = byId("stage-note");
    note.textContent = text;
    note.hidden = false;
  }

  function step(offset) {
    stopPlaying();
    const list = shown.includes(current) ? shown : frames.map((_, i) => i);
    const place = list.indexOf(current) + offset;
    if (place >= 0 && place < list.length) goTo(list[place]);
  }

  function setMode(name) {
    mode = name;
    paper.dataset.mode = name;
    document.querySelector(`#modes input[value="${name}"]`).checked = true;
    byId("layers").hidden = name !== "strokes" || !frames[current].pictures;
    showNeighbours();
    showLayers();
    showLegend();
  }

  function setSplit(percent) {
    split.value = String(Math.round(Math.min(100, Math.max(0, percent))));
    paper.style.setProperty("--split", split.value + "%");
    split.setAttribute("aria-valuetext", `${split.value} % scan, ${100 - split.value} % clean`);
  }

  // --- Strokes: layers, marks, places to look at ------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  const strokePictures = new Map();
  /** What the reader wants to see; kept from frame to frame. */
  const wantedLayers = new Map([
    ["scan", true], ["pixels", false], ["inks", true], ["courses", true], ["nodes", false], ["ends", false],
    ["worst", true], ["gaps", true], ["open", true],
  ]);
  let place = -1; // which of the frame's places was looked at last

  const isWanted = (layer) => wantedLayers.get(layer) ?? wantedLayers.get("inks");

  /** Layers that the frame has, in the order in which they are listed; picture is the part of the file. */
  function layersOf(frame) {
    const quality = frame.quality || {};
    const layers = [
      { name: "scan", label: "Scan, pale" },
      { name: "pixels", label: "Lines as pixels" },
    ];
    if (frame.pictures.strokes) {
      const traces = (quality.inks || []).map((ink) => ({
        name: `ink-${ink}`, label: `Strokes in ${ink}`, colour: inks[ink], picture: `ink-${ink}`,
      }));
      layers.push(
        { name: "ink-black", label: traces.length ? "Strokes in black" : "Strokes as drawn", colour: inks.black, picture: "ink-black" },
        ...traces,
        { name: "courses", label: "A colour for every stroke", picture: "courses" },
        { name: "nodes", label: "Nodes", picture: "nodes" },
        { name: "ends", label: "Ends of strokes", picture: "ends" },
      );
    }
    layers.push(
      { name: "worst", label: "Worst places", count: (quality.worst_places || []).length },
      { name: "gaps", label: "Gaps closed", count: quality.closed_gap_count },
      { name: "open", label: "Open ends", count: quality.open_end_count },
    );
    return layers;
  }

  function showLayers() {
    if (mode !== "strokes" || !frames[current].pictures) return;
    const frame = frames[current];
    const layers = layersOf(frame);
    byId("layer-list").replaceChildren(...layers.map(layerToggle));
    byId("layers-note").hidden = Boolean(frame.pictures.strokes);
    byId("layers-note").textContent = "No output of this frame is made of strokes, so there are none to show.";
    const count = placesOf(frame).length;
    byId("next-place").disabled = !count;
    byId("place-note").textContent = `${count || "No"} marked ${count === 1 ? "place" : "places"}`;
    drawMarks(frame);
    applyLayers();
  }

  function layerToggle({ name, label, colour, count }) {
    const input = element("input");
    input.type = "checkbox";
    input.name = name;
    input.checked = isWanted(name);
    const swatch = element("i", `layer-swatch swatch-of-${name}`);
    if (colour) swatch.style.setProperty("--pencil", colour);
    const toggle = element("label");
    toggle.append(input, swatch, element("bdi", "", label));
    if (count !== undefined) toggle.append(element("b", "", count.toLocaleString("en")));
    const item = element("li");
    item.append(toggle);
    return item;
  }

  /** Show what is ticked; the file of the strokes is loaded once, and every layer is a part of it. */
  function applyLayers() {
    const frame = frames[current];
    const layers = layersOf(frame).filter(({ name }) => isWanted(name));
    paper.dataset.layers = layers.map(({ name }) => name).join(" ");
    const shownPictures = layers.filter(({ picture }) => picture).map(({ name, picture }) => {
      if (!strokePictures.has(name)) strokePictures.set(name, strokePicture(name));
      setPicture(strokePictures.get(name), `${frame.pictures.strokes}#${picture}`);
      return strokePictures.get(name);
    });
    byId("stroke-layers").replaceChildren(...shownPictures);
  }

  function strokePicture(name) {
    const picture = element("img", name.startsWith("ink-") ? "ink-picture" : "");
    picture.alt = "";
    picture.draggable = false;
    picture.addEventListener("error", () => {
      if (mode === "strokes") noteOnStage("The strokes of this frame are missing from the report.");
    });
    return picture;
  }

  function drawMarks(frame) {
    const { worst_places: worst = [], closed_gaps: gaps = [], open_ends: ends = [] } = frame.quality || {};
    const marks = byId("marks");
    marks.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    const dots = ends.map(([x, y]) => `M${x} ${y}h0`).join("");
    const bridges = gaps.map(([x, y, toX, toY]) => `M${x} ${y}L${toX} ${toY}`).join("");
    marks.replaceChildren(
      ...["mark mark-open mark-halo", "mark mark-open"].map((kind) => shape("path", kind, { d: dots })),
      ...["mark mark-gap mark-halo", "mark mark-gap"].map((kind) => shape("path", kind, { d: bridges })),
      ...worst.map(({ kind, x, y, radius_px: r }) =>
        shape("circle", `mark mark-worst mark-${kind}`, { cx: x, cy: y, r: Math.max(r * 1.15, 8) })),
      shape("path", "mark mark-place", { d: "" }),
    );
  }

  function shape(tag, className, attributes) {
    const made = document.createElementNS(SVG, tag);
    made.setAttribute("class", className);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  /** Where to look, the worst first: [what it is, x, y, radius]. */
  function placesOf(frame) {
    const quality = frame.quality || {};
    const middle = ([x, y, toX, toY]) => [(x + toX) / 2, (y + toY) / 2, Math.hypot(toX - x, toY - y) / 2];
    return [
      ...(quality.worst_places || []).map(({ kind, x, y, radius_px: r }) => [kind, x, y, r]),
      ...(quality.closed_gaps || []).map((gap) => ["gap", ...middle(gap)]),
      ...(quality.open_ends || []).map(([x, y]) => ["open", x, y, 0]),
    ];
  }

  const PLACE_WORDS = { lost: "Pencil without line", invented: "Line without pencil", gap: "Gap closed", open: "Open end" };

  function goToPlace(next) {
    const frame = frames[current];
    const places = frame.pictures ? placesOf(frame) : [];
    if (!places.length) return;
    stopPlaying();
    if (mode !== "strokes") setMode("strokes");
    place = (next + places.length) % places.length;
    const [kind, x, y, radius] = places[place];
    const room = Math.min(stage.clientWidth, stage.clientHeight) / Math.max(6 * radius, 240);
    const scale = [4, 2, 1].find((larger) => larger <= room) || 1;
    zoomTo(scale > fitScale() ? scale : 0, x / frame.width, y / frame.height);
    document.querySelector(".mark-place").setAttribute("d", `M${x} ${y}h0`);
    byId("place-note").textContent = `${PLACE_WORDS[kind]}: place ${place + 1} of ${places.length}`;
  }

  // --- Zoom ----------------------------------------------------------------------------------

  function paperSize() {
    const frame = frames[current];
    return [frame.width || pictures.scan.naturalWidth || 4, frame.height || pictures.scan.naturalHeight || 3];
  }

  function fitScale() {
    const [width, height] = paperSize();
    const style = getComputedStyle(stage);
    const roomX = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const roomY = stage.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    return Math.min(roomX / width, roomY / height, 2);
  }

  function fitPaper() {
    const [width, height] = paperSize();
    const scale = zoom || fitScale();
    stage.classList.toggle("is-zoomed", zoom > 0);
    paper.style.width = `${Math.floor(width * scale)}px`;
    paper.style.height = `${Math.floor(height * scale)}px`;
    byId("zoom-label").textContent = zoom ? `${Math.round(zoom * 100)} %` : "Fit";
  }

  /** Go to the next magnification, keeping the point (0..1 of the paper) under the eye. */
  function nextZoom(x = 0.5, y = 0.5) {
    if (!frames[current].pictures) return;
    const larger = [1, 2, 4].filter((scale) => scale > fitScale() * 1.1).slice(0, 2);
    zoomTo([0, ...larger, 0][[0, ...larger].indexOf(zoom) + 1], x, y);
  }

  function zoomTo(scale, x, y) {
    zoom = scale;
    setPicture(pictures.lines, linesPicture(frames[current]));
    fitPaper();
    stage.scrollLeft = paper.offsetLeft + x * paper.offsetWidth - stage.clientWidth / 2;
    stage.scrollTop = paper.offsetTop + y * paper.offsetHeight - stage.clientHeight / 2;
  }

  // --- Play ----------------------------------------------------------------------------------

  function stopPlaying() {
    if (!isPlaying) return;
    isPlaying = false;
    byId("play").setAttribute("aria-pressed", "false");
    byId("play").textContent = "Play";
    showNeighbours();
  }

  function togglePlaying() {
    if (isPlaying) return stopPlaying();
    if (!frames[current].pictures) return;
    isPlaying = true;
    byId("play").setAttribute("aria-pressed", "true");
    byId("play").textContent = "Stop";
    playOn();
  }

  async function playOn() {
    const { level } = frames[current];
    const film = frames.flatMap((frame, i) => (frame.level === level && frame.pictures ? [i] : []));
    if (film.length < 2) return stopPlaying();
    for (let i = film.indexOf(current) + 1; isPlaying; i++) {
      const position = film[i % film.length];
      const turn = new Promise((resolve) => setTimeout(resolve, ON_TWOS_MILLISECONDS));
      const picture = new Image();
      picture.src = mode === "scan" ? frames[position].pictures.scan : linesPicture(frames[position]);
      await Promise.all([turn, picture.decode().catch(() => undefined)]);
      if (isPlaying) goTo(position);
    }
  }

  // --- Notes beside the picture ------------------------------------------------------------------

  function notesOn(frame) {
    const parts = [];
    if (frame.failure) {
      parts.push(section("Not cleaned", noteList("flags", [[frame.failure.reason, frame.failure.message]])));
    }
    if (flagsOf(frame).length) {
      const entries = flagsOf(frame).map((flag) => [flags[flag].label, flags[flag].explanation]);
      parts.push(section("To look at", noteList("flags", entries)));
    } else if (frame.quality) {
      parts.push(element("p", "all-well", "The checks found nothing to look at."));
    }
    if (frame.outputs && frame.outputs.length) parts.push(section("Files", fileList(frame.outputs)));
    const worst = (frame.quality && frame.quality.worst_places) || [];
    if (worst.length && frame.pictures) parts.push(section("Worst places", placeList(worst)));
    if (frame.quality) parts.push(section("Figures", figureList(frame.quality)));
    parts.push(section("Scan", rows(scanFacts(frame))));
    const times = Object.entries(frame.seconds || {});
    if (times.length) {
      const total = times.reduce((sum, [, seconds]) => sum + seconds, 0);
      parts.push(section("Time", rows([...times, ["all steps", total]].map(([name, s]) => [name, secondsText(s)]))));
    }
    return parts;
  }

  function section(title, content) {
    const part = element("section");
    part.append(element("h3", "", title), content);
    return part;
  }

  function noteList(className, entries) {
    const list = element("dl", className);
    for (const [label, text] of entries) list.append(element("dt", "", label), element("dd", "", text));
    return list;
  }

  function fileList(outputs) {
    const list = element("ul", "files");
    for (const output of outputs) {
      const link = element("a", "", output.label.toUpperCase());
      link.href = output.url;
      link.target = "_blank";
      link.rel = "noopener";
      const item = element("li");
      item.append(link, element("span", "", bytesText(output.bytes)));
      list.append(item);
    }
    return list;
  }

  function placeList(worst) {
    const list = element("ol", "places");
    worst.forEach(({ kind }, i) => {
      const button = element("button", `place place-${kind}`, `${i + 1} ${PLACE_WORDS[kind]}`);
      button.type = "button";
      button.addEventListener("click", () => goToPlace(i));
      const item = element("li");
      item.append(button);
      list.append(item);
    });
    return list;
  }

  function figureList(quality) {
    const list = element("dl", "figures");
    for (const [name, words] of Object.entries(figures)) {
      if (quality[name] === undefined || quality[name] === null) continue;
      const row = element("div");
      const label = element("dt", "", words.label);
      label.append(element("small", "", words.explanation));
      row.append(label, element("dd", "", figureText(quality[name], words.unit)));
      list.append(row);
    }
    return list;
  }

  function scanFacts(frame) {
    const facts = [["Name", frame.scan]];
    if (frame.width) facts.push(["Size", `${frame.width} × ${frame.height} px`]);
    if (frame.state === "done") facts.push(["Resolution", frame.dpi ? `${Math.round(frame.dpi)} dpi` : "not stated"]);
    if (frame.width && frame.dpi) {
      const millimetres = (pixels) => Math.round((pixels / frame.dpi) * 25.4);
      facts.push(["On paper", `${millimetres(frame.width)} × ${millimetres(frame.height)} mm`]);
    }
    return facts;
  }

  function rows(entries) {
    const list = element("dl", "rows");
    for (const [label, value] of entries) {
      const row = element("div");
      row.append(element("dt", "", label), element("dd", "", value));
      list.append(row);
    }
    return list;
  }

  function element(tag, className = "", text = "") {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function figureText(value, unit) {
    if (unit === "count") return value.toLocaleString("en");
    if (unit === "px") return `${value.toFixed(1)} px`;
    const percent = value * 100;
    return `${percent === 0 ? "0" : percent < 1 ? percent.toPrecision(1) : percent.toFixed(1)} %`;
  }

  function bytesText(bytes) {
    if (bytes < 1000) return `${bytes} B`;
    return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  }

  function secondsText(seconds) {
    return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
  }

  // --- Hands: pointer and keyboard ----------------------------------------------------------------

  addEventListener("hashchange", followAddress);
  addEventListener("popstate", followAddress);
  addEventListener("resize", () => viewer.open && frames[current].pictures && fitPaper());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => viewer.close());
  byId("zoom").addEventListener("click", () => nextZoom());
  byId("next-place").addEventListener("click", () => goToPlace(place + 1));
  byId("layers").addEventListener("change", ({ target }) => {
    wantedLayers.set(target.name, target.checked);
    applyLayers();
  });
  byId("play").addEventListener("click", togglePlaying);
  byId("modes").addEventListener("change", (event) => setMode(event.target.value));
  // After a click the arrow keys belong to the picture again, not to the row of buttons.
  byId("modes").addEventListener("pointerup", () => setTimeout(() => byId("viewer-name").focus()));
  split.addEventListener("input", () => setSplit(Number(split.value)));
  pictures.scan.addEventListener("load", () => viewer.open && fitPaper());
  for (const picture of [pictures.scan, pictures.lines]) {
    picture.addEventListener("error", () => {
      if (picture.getAttribute("src")) noteOnStage("A picture of this frame is missing from the report.");
    });
  }

  viewer.addEventListener("close", () => {
    stopPlaying();
    zoom = 0;
    if (positionInAddress() >= 0) history.replaceState(null, "", location.pathname + location.search);
    const link = cards[current] && cards[current].querySelector(".card-link");
    if (link) {
      link.focus({ preventScroll: true });
      link.scrollIntoView({ block: "nearest" });
    }
  });

  paper.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    paper.setPointerCapture(event.pointerId);
    if (mode === "slider") {
      split.focus({ preventScroll: true });
      splitAt(event);
    }
  });
  paper.addEventListener("pointermove", (event) => {
    if (!paper.hasPointerCapture(event.pointerId)) return;
    if (mode === "slider") splitAt(event);
    else stage.scrollBy(-event.movementX, -event.movementY);
  });
  paper.addEventListener("dblclick", (event) => {
    const box = paper.getBoundingClientRect();
    nextZoom((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });

  function splitAt(event) {
    const box = paper.getBoundingClientRect();
    setSplit(((event.clientX - box.left) / box.width) * 100);
  }

  const viewerKeys = {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    ArrowRight: () => (mode === "slider" && frames[current].pictures ? setSplit(Number(split.value) + 5) : step(1)),
    ArrowLeft: () => (mode === "slider" && frames[current].pictures ? setSplit(Number(split.value) - 5) : step(-1)),
    Home: () => mode === "slider" && setSplit(0),
    End: () => mode === "slider" && setSplit(100),
    b: () => setMode(mode === "clean" ? "scan" : "clean"),
    z: () => nextZoom(),
    n: () => goToPlace(place + 1),
    " ": () => togglePlaying(),
  };
  MODES.forEach((name, i) => { viewerKeys[i + 1] = () => setMode(name); });

  const sheetKeys = {
    j: () => focusCard(1),
    k: () => focusCard(-1),
    "/": () => byId("search").focus(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = (viewer.open ? viewerKeys : sheetKeys)[event.key];
    if (!action || typesInto(event.target, event.key)) return;
    event.preventDefault();
    action();
  });

  /** Leave a control the keys that work it. */
  function typesInto(target, pressed) {
    if (target.matches("input[type=search], select")) return true;
    if (pressed === " ") return target.matches("button, input[type=radio], input[type=checkbox], a");
    return pressed.startsWith("Arrow") && target.matches("input[type=radio]");
  }

  function focusCard(offset) {
    const focused = document.activeElement.closest(".card");
    const place = focused ? shown.indexOf(positionOf(focused)) + offset : 0;
    const position = shown[Math.min(shown.length - 1, Math.max(0, place))];
    if (position !== undefined) cards[position].querySelector(".card-link").focus();
  }

  setSplit(50);
  followAddress();
})();

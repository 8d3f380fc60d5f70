// The page's own behaviour: a number lights its boxes and a box its numbers, pictures are looked at closely, readings are corrected.
// Everything is told by attributes that app/page/evidence.py writes; whatever comes from a model or a picture is only ever set as text.
(() => {
  if (window.logicflow) return;
  window.logicflow = true;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = selector => document.querySelector(selector);
  const boxesOf = chip => (chip.dataset.lights || "").split(" ").filter(Boolean);
  const isNarrow = () => window.innerWidth < 640;

  // Changes a field as a person would.
  const write = (field, text) => {
    const type = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(type.prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", {bubbles: true}));
  };
  // What Python is told goes through a hidden field.
  const tell = (id, wish) => {
    const field = one(`#${id} textarea, #${id} input`);
    if (field) write(field, JSON.stringify({...wish, n: Date.now()}));
  };

  // Lights
  let thread = null;
  const dark = () => {
    all(".lf-lit").forEach(each => each.classList.remove("lf-lit"));
    thread?.remove();
    thread = null;
  };
  const center = element => {
    const at = element.getBoundingClientRect();
    return [at.left + at.width / 2, at.top + at.height / 2];
  };
  const draw = (from, to) => {
    const [a, b] = [center(from), center(to)];
    if (!from.offsetParent && from.namespaceURI.endsWith("xhtml")) return;
    thread = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    thread.setAttribute("class", "lf-thread");
    thread.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const bend = (a[0] + b[0]) / 2;
    path.setAttribute("d", `M ${a[0]} ${a[1]} C ${bend} ${a[1]}, ${bend} ${b[1]}, ${b[0]} ${b[1]}`);
    thread.append(path);
    document.body.append(thread);
  };
  const show = sheet => {
    const number = sheet.dataset.sheet;
    all(".lf-sheet").forEach(each => each.hidden = each.dataset.sheet !== number);
    all(".lf-tabs [role=tab]").forEach(tab => tab.setAttribute("aria-selected", String(tab.dataset.tab === number)));
  };
  const light = chip => {
    dark();
    chip.classList.add("lf-lit");
    const boxes = boxesOf(chip).flatMap(name => all(`[data-box="${CSS.escape(name)}"]`));
    if (boxes.length && boxes.every(box => box.closest(".lf-sheet").hidden)) show(boxes[0].closest(".lf-sheet"));
    boxes.forEach(box => box.classList.add("lf-lit"));
    if (chip.dataset.from) {
      const step = chip.closest("ol")?.querySelector(`li[value="${Number(chip.dataset.from)}"]`);
      if (step) { step.classList.add("lf-lit"); draw(chip, step); }
    } else if (boxes.length && !isNarrow()) draw(chip, boxes[0]);
  };
  const lightBox = box => {
    dark();
    box.classList.add("lf-lit");
    all(".lf-chip").filter(chip => boxesOf(chip).includes(box.dataset.box)).forEach(chip => {
      chip.classList.add("lf-lit");
      chip.closest("li")?.classList.add("lf-lit");
    });
  };
  // Steps that have changed since the whole list came, in a place that nobody sees: each takes its own.
  let grown = "";
  const grow = () => {
    const list = one("#lf-steps ol.lf-steps"), now = one("#lf-grown")?.innerHTML || "";
    if (!list || now === grown) return;
    grown = now;
    all("#lf-grown li").forEach(step => {
      const old = list.querySelector(`:scope > li[value="${Number(step.value)}"]`), copy = step.cloneNode(true);
      if (old) old.replaceWith(copy); else list.append(copy);
    });
  };
  // While a thought grows, the boxes of the numbers that it has written so far stay visible.
  const used = () => {
    const names = new Set(all(".lf-reasoning .lf-chip, .lf-version .lf-chip").flatMap(boxesOf));
    all(".lf-box").forEach(box => box.classList.toggle("lf-used", names.has(box.dataset.box)));
  };
  // Names that Gradio leaves out or gives twice.
  const name = () => {
    all(".image-container > button:not([aria-label])").forEach(button => button.setAttribute("aria-label", "Show the picture large"));
    for (const [id, word] of [["lf-side", "Conversations"], ["lf-settings", "Settings"]]) {
      all(`#${id} .toggle-button:not([title])`).forEach(button => { button.setAttribute("aria-label", word); button.title = word; });
    }
  };
  let due = false;
  new MutationObserver(changes => {
    name();
    startCamera();
    closeCamera();
    grow();
    if (due || !changes.some(change => change.target.closest?.("#lf-steps, #lf-read, #lf-verdict") && !change.target.closest(".lf-clock"))) return;
    due = true;
    requestAnimationFrame(() => { due = false; used(); tick(); });
  }).observe(document.body, {childList: true, subtree: true});

  document.addEventListener("pointerover", event => {
    if (event.pointerType === "touch") return;
    const chip = event.target.closest?.(".lf-chip"), box = event.target.closest?.(".lf-box");
    if (chip) light(chip); else if (box && (box.classList.contains("lf-used") || one(".lf-stage.lf-all"))) lightBox(box);
  });
  document.addEventListener("pointerout", event => {
    if (event.target.closest?.(".lf-chip, .lf-box") && !one(".lf-fix")) dark();
  });
  document.addEventListener("focusin", event => { if (event.target.matches?.(".lf-chip")) light(event.target); });

  // Correct a reading
  const closeFix = () => {
    const form = one(".lf-fix");
    if (form) { form.chip?.focus(); form.remove(); }
    dark();
  };
  const fix = chip => {
    closeFix();
    const form = document.createElement("form"), field = document.createElement("input");
    const label = document.createElement("label"), go = document.createElement("button");
    form.className = "lf-fix";
    form.setAttribute("role", "dialog");
    form.setAttribute("aria-label", "Correct a reading");
    form.chip = chip;
    label.textContent = "What really stands there? ";
    field.value = chip.textContent;
    field.maxLength = 40;
    field.setAttribute("aria-label", "What really stands there");
    go.textContent = "Correct";
    label.append(field);
    form.append(label, go);
    form.addEventListener("submit", event => {
      event.preventDefault();
      const [step, start, end] = chip.dataset.place.split(":").map(Number);
      if (field.value.trim() && field.value.trim() !== chip.textContent) tell("lf-wish", {kind: "correct", step, start, end, was: chip.textContent, value: field.value.trim()});
      closeFix();
    });
    const at = chip.getBoundingClientRect();
    form.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - 290))}px`;
    form.style.top = `${at.bottom + 6}px`;
    document.body.append(form);
    light(chip);
    field.focus();
    field.select();
  };

  // A picture large: zoom, pan, a closer look
  const views = new WeakMap();
  const viewOf = zoom => views.get(zoom) || {scale: 1, x: 0, y: 0};
  const place = (zoom, view) => {
    const frame = zoom.parentElement.getBoundingClientRect();
    view.scale = Math.min(8, Math.max(1, view.scale));
    const [mostX, mostY] = [frame.width * (view.scale - 1), frame.height * (view.scale - 1)];
    view.x = Math.min(0, Math.max(-mostX, view.x));
    view.y = Math.min(0, Math.max(-mostY, view.y));
    views.set(zoom, view);
    zoom.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    zoom.classList.toggle("lf-large", view.scale > 1);
  };
  const scaleBy = (zoom, factor, x, y) => {
    const view = {...viewOf(zoom)}, before = view.scale;
    view.scale = Math.min(8, Math.max(1, view.scale * factor));
    view.x = x - (x - view.x) * view.scale / before;
    view.y = y - (y - view.y) * view.scale / before;
    place(zoom, view);
  };
  const current = () => one(".lf-sheet:not([hidden]) .lf-zoom");
  document.addEventListener("wheel", event => {
    const zoom = event.target.closest?.(".lf-zoom");
    if (!zoom || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const at = zoom.parentElement.getBoundingClientRect();
    scaleBy(zoom, event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - at.left, event.clientY - at.top);
  }, {passive: false});

  let drag = null;
  const isCloser = () => one("[data-act=closer]")?.getAttribute("aria-pressed") === "true";
  const press = (button, on) => button?.setAttribute("aria-pressed", String(on));
  document.addEventListener("pointerdown", event => {
    const zoom = event.target.closest?.(".lf-zoom");
    if (!zoom) return;
    const view = viewOf(zoom);
    if (!isCloser() && view.scale === 1) return;
    event.preventDefault();
    drag = {zoom, closer: isCloser(), x: event.clientX, y: event.clientY, from: {...view}};
    if (drag.closer) {
      drag.frame = document.createElement("div");
      drag.frame.className = "lf-crop";
      document.body.append(drag.frame);
    }
  });
  document.addEventListener("pointermove", event => {
    if (!drag) return;
    if (!drag.closer) {
      place(drag.zoom, {...drag.from, x: drag.from.x + event.clientX - drag.x, y: drag.from.y + event.clientY - drag.y});
      return;
    }
    const [left, top] = [Math.min(drag.x, event.clientX), Math.min(drag.y, event.clientY)];
    Object.assign(drag.frame.style, {left: `${left}px`, top: `${top}px`, width: `${Math.abs(event.clientX - drag.x)}px`, height: `${Math.abs(event.clientY - drag.y)}px`});
  });
  document.addEventListener("pointercancel", () => { drag?.frame?.remove(); drag = null; });
  document.addEventListener("pointerup", event => {
    if (!drag) return;
    const {zoom, closer, frame, x, y} = drag;
    drag = null;
    if (!closer) return;
    frame.remove();
    press(one("[data-act=closer]"), false);
    one(".lf-stage")?.classList.remove("lf-cropping");
    const at = zoom.getBoundingClientRect(), sheet = zoom.closest(".lf-sheet");
    const part = (from, to, start, length, pixels) => [from, to].map(v => Math.round(Math.min(1, Math.max(0, (v - start) / length)) * pixels)).sort((a, b) => a - b);
    const [left, right] = part(x, event.clientX, at.left, at.width, Number(sheet.dataset.width));
    const [top, bottom] = part(y, event.clientY, at.top, at.height, Number(sheet.dataset.height));
    if (right - left > 7 && bottom - top > 7) tell("lf-wish", {kind: "closer", picture: Number(sheet.dataset.sheet), box: [left, top, right, bottom]});
  });

  // Buttons
  const csvOf = table => all("tr", table).map(row => all("th, td", row).map(cell => {
    const text = cell.textContent.replace(/\s+/g, " ").trim(), safe = /^[=+@]/.test(text) || /^-(?![\d.]+$)/.test(text) ? `'${text}` : text;
    return /[",;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }).join(",")).join("\n") + "\n";
  const said = (button, word) => {
    const before = button.textContent;
    button.textContent = word;
    setTimeout(() => button.textContent = before, 1200);
  };
  const acts = {
    in: () => { const zoom = current(); if (zoom) scaleBy(zoom, 1.5, zoom.parentElement.clientWidth / 2, zoom.parentElement.clientHeight / 2); },
    out: () => { const zoom = current(); if (zoom) scaleBy(zoom, 1 / 1.5, zoom.parentElement.clientWidth / 2, zoom.parentElement.clientHeight / 2); },
    fit: () => { const zoom = current(); if (zoom) place(zoom, {scale: 1, x: 0, y: 0}); },
    all: button => press(button, one(".lf-stage").classList.toggle("lf-all")),
    closer: button => { const on = one(".lf-stage").classList.toggle("lf-cropping"); press(button, on); },
    table: () => tell("lf-again", {kind: "table", picture: Number(one(".lf-sheet:not([hidden])").dataset.sheet)}),
    again: () => tell("lf-again", {kind: "again"}),
    example: button => tell("lf-wish", {kind: "example", number: Number(button.dataset.number)}),
    copy: button => navigator.clipboard?.writeText(button.dataset.text).then(() => said(button, "Copied")),
    "copy-table": button => navigator.clipboard?.writeText(csvOf(one(".lf-values table"))).then(() => said(button, "Copied")),
    csv: () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csvOf(one(".lf-values table"))], {type: "text/csv"}));
      link.download = "values.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
  };
  document.addEventListener("click", event => {
    const target = event.target;
    const act = target.closest?.("[data-act]"), tab = target.closest?.("[data-tab]"), go = target.closest?.("[data-go]");
    const chip = target.closest?.(".lf-chip"), box = target.closest?.(".lf-box");
    if (act) { acts[act.dataset.act]?.(act); return; }
    if (tab) { show(one(`.lf-sheet[data-sheet="${Number(tab.dataset.tab)}"]`)); return; }
    if (go) {
      const here = one("#lf-steps .lf-version") || one("#lf-steps") || go.closest("section")?.parentElement;
      const step = here?.querySelector(`li[value="${Number(go.dataset.go)}"]`);
      step?.scrollIntoView({block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"});
      dark();
      step?.classList.add("lf-lit");
      return;
    }
    if (chip) { if (chip.dataset.place) fix(chip); else light(chip); return; }
    if (box) { lightBox(box); return; }
    if (!target.closest?.(".lf-fix")) closeFix();
  });

  // Keyboard: arrows through steps and numbers, Enter corrects, Escape ends what was begun
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") { closeFix(); return; }
    const list = event.target.closest?.("ol.lf-steps");
    if (!list || !event.key.startsWith("Arrow")) return;
    const steps = all("li", list).filter(step => step.querySelector(".lf-chip")), chips = all(".lf-chip", list);
    if (!chips.length) return;
    event.preventDefault();
    const here = chips.indexOf(document.activeElement), step = steps.indexOf(document.activeElement.closest("li"));
    const next = {
      ArrowRight: chips[Math.min(here + 1, chips.length - 1)],
      ArrowLeft: chips[Math.max(here - 1, 0)],
      ArrowDown: steps[Math.min(step + 1, steps.length - 1)]?.querySelector(".lf-chip"),
      ArrowUp: steps[Math.max(step - 1, 0)]?.querySelector(".lf-chip"),
    }[event.key];
    next?.focus();
  });

  // A picture may be dropped, and pasted, anywhere
  const give = files => {
    const input = one("#lf-box input[type=file]"), pictures = [...files];
    if (!input || !pictures.length) return false;
    const data = new DataTransfer();
    pictures.forEach(file => data.items.add(file));
    input.files = data.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
    return true;
  };

  // The paper clip opens a menu: files, or the camera
  let wanted = false;  // the camera, whose button Gradio may not have mounted yet
  const startCamera = () => {
    const button = wanted && one("#lf-camera button:has(.wrap)");
    if (button) { wanted = false; button.click(); }
  };
  const openCamera = () => {
    document.body.classList.add("lf-with-camera");
    wanted = true;
    startCamera();
  };
  let captured = false;  // by the camera, and not yet in the box
  document.addEventListener("click", event => { captured ||= Boolean(event.target.closest?.("#lf-camera .photo-capture")); });
  const closeCamera = () => {
    if (!captured || !one("#lf-box .thumbnail-item, #lf-box .thumbnail-image")) return;
    captured = false;
    document.body.classList.remove("lf-with-camera");
  };
  const closeMenu = () => {
    const menu = one(".lf-menu");
    menu?.remove();
    if (menu) one("#lf-box .upload-button")?.focus();
  };
  const openMenu = clip => {
    closeMenu();
    const menu = document.createElement("div"), at = clip.getBoundingClientRect();
    menu.className = "lf-menu";
    menu.setAttribute("role", "menu");
    menu.setAttribute("aria-label", "Attach");
    for (const [word, act] of [["Picture or PDF", () => one("#lf-box input[type=file]").click()], ["Camera", openCamera]]) {
      const item = document.createElement("button");
      item.type = "button";
      item.textContent = word;
      item.setAttribute("role", "menuitem");
      item.addEventListener("click", () => { closeMenu(); act(); });
      menu.append(item);
    }
    menu.style.left = `${at.left}px`;
    menu.style.bottom = `${window.innerHeight - at.top + 6}px`;
    document.body.append(menu);
    menu.firstChild.focus();
  };
  document.addEventListener("click", event => {
    const clip = event.target.closest?.("#lf-box .upload-button");
    if (!clip) { if (!event.target.closest?.(".lf-menu")) one(".lf-menu")?.remove(); return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    openMenu(clip);
  }, true);
  document.addEventListener("keydown", event => {
    const menu = event.target.closest?.(".lf-menu");
    if (!menu) return;
    if (event.key === "Escape") { event.preventDefault(); closeMenu(); }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      (event.target === menu.firstChild ? menu.lastChild : menu.firstChild).focus();
    }
  });

  // Seconds of waiting, counted here since the first word about it was shown
  let waitingSince = 0;
  const tick = () => {
    const clock = one(".lf-clock");
    waitingSince = clock && (waitingSince || Date.now());
    const told = clock && `${Math.round((Date.now() - waitingSince) / 1000)} s`;
    if (clock && clock.textContent !== told) clock.textContent = told;
  };
  setInterval(tick, 250);

  // What is being written survives a reload, as after a lost connection
  const DRAFT = "lf-draft";
  const started = setInterval(() => {
    const field = one("#lf-box textarea");
    if (!field || !localStorage.getItem("logicflow")) return;
    clearInterval(started);
    const draft = sessionStorage.getItem(DRAFT);
    if (draft && !field.value) write(field, draft);
    setInterval(() => sessionStorage.setItem(DRAFT, one("#lf-box textarea")?.value || ""), 500);
  }, 200);
  const isBox = target => Boolean(target.closest?.("#lf-box, input, textarea"));
  document.addEventListener("dragover", event => {
    if (!isBox(event.target) && [...(event.dataTransfer?.types || [])].includes("Files")) { event.preventDefault(); document.body.classList.add("lf-drop"); }
  });
  for (const end of ["dragleave", "drop"]) document.addEventListener(end, () => document.body.classList.remove("lf-drop"));
  document.addEventListener("drop", event => { if (!isBox(event.target) && give(event.dataTransfer?.files || [])) event.preventDefault(); });
  document.addEventListener("paste", event => { if (!isBox(event.target) && give(event.clipboardData?.files || [])) event.preventDefault(); });

  // Cells of a table light the place that they were read from
  document.addEventListener("focusin", event => {
    const cell = event.target.closest?.("[data-area]");
    all(".lf-area").forEach(each => each.remove());
    if (!cell) return;
    const svg = one(`.lf-sheet[data-sheet="${parseInt(cell.dataset.cell)}"] svg`);
    if (!svg) return;
    const [x, y, width, height] = cell.dataset.area.split(" ").map(Number);
    const area = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({x, y, width, height, class: "lf-area"})) area.setAttribute(name, value);
    svg.append(area);
  });
  // What is typed into one is told when it is left, or by Enter.
  document.addEventListener("focusin", event => {
    const cell = event.target.closest?.("[contenteditable][data-cell]");
    if (cell) cell.lfBefore = cell.textContent;
  });
  document.addEventListener("focusout", event => {
    const cell = event.target.closest?.("[contenteditable][data-cell]"), value = cell?.textContent.trim();
    if (!cell || value === cell.lfBefore.trim()) return;
    if (!value) { cell.textContent = cell.lfBefore; return; }
    const [picture, row, column] = cell.dataset.cell.split(":").map(Number);
    cell.className = "lf-typed";
    tell("lf-wish", {kind: "cell", picture, row, column, value});
  });
  document.addEventListener("keydown", event => {
    const cell = event.target.closest?.("[contenteditable][data-cell]");
    if (!cell || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    if (event.key === "Escape") cell.textContent = cell.lfBefore;
    cell.blur();
  });
  name();
  used();
})();

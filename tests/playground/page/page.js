// The page of `make play`. The server draws everything; this shows what it sends and posts what is done.

const by = (id) => document.getElementById(id);
const [as, text, log, dialog, desk] = ["as", "text", "log", "modal", "desk"].map(by);
const address = new URLSearchParams(location.search);
const seen = new Map(); // place -> messages that were there when it was last looked at
let place = address.get("place") ?? "";
let stream;
let returnTo = "";

// Drawing

/** What is typed, chosen and unfolded in `before` is so in `after` too, where it is not what was drawn. */
function keep(before, after) {
  for (const old of before.querySelectorAll("[id]")) {
    const now = after.querySelector(`#${CSS.escape(old.id)}`);
    if (!now || now.tagName !== old.tagName || now.type !== old.type) continue;
    if (old.tagName === "DETAILS") now.open = old.open;
    else if (old.type === "file") now.files = old.files;
    else if (old.type === "checkbox" || old.type === "radio") {
      if (old.checked !== old.defaultChecked) now.checked = old.checked;
    } else if (old.tagName === "SELECT") {
      if (old.dataset.touched) [now.value, now.dataset.touched] = [old.value, "yes"];
    } else if (old.value !== undefined && old.value !== old.defaultValue && !old.readOnly) now.value = old.value;
  }
}

/** Make `box` show `html`; children with an id that have not changed are left alone, focus stays where it was. */
function draw(box, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
  let at = box.firstElementChild;
  for (const child of [...fresh.content.children]) {
    const before = child.id && [...box.children].find((each) => each.id === child.id);
    child.drawn = child.outerHTML;
    if (before?.drawn === child.drawn) {
      if (before === at) at = at.nextElementSibling;
      else box.insertBefore(before, at);
      continue;
    }
    box.insertBefore(child, at);
    if (!before) continue;
    keep(before, child);
    if (before === at) at = at.nextElementSibling;
    before.remove();
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
  if (focused && document.activeElement?.id !== focused) by(focused)?.focus({ preventScroll: true });
}

const show = {
  heading: (html) => draw(by("heading"), html),
  panel: (html) => draw(by("panel"), html),
  home: (html) => {
    draw(by("home"), html);
    by("say").hidden = html !== "";
  },
  messages: (html) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    draw(by("messages"), html);
    if (atEnd) log.scrollTop = log.scrollHeight;
  },
  places: (html) => {
    draw(by("places"), html);
    for (const link of by("places").querySelectorAll("a")) {
      if (link.ariaCurrent || !seen.has(link.dataset.place)) seen.set(link.dataset.place, link.dataset.count);
      if (link.ariaCurrent) place = link.dataset.place;
      link.classList.toggle("unread", seen.get(link.dataset.place) !== link.dataset.count);
    }
  },
  modal: (html) => {
    if (!html) return closeModal();
    const shown = dialog.firstElementChild?.id;
    const invalid = dialog.querySelectorAll("[aria-invalid]").length;
    if (!dialog.open) returnTo = document.activeElement?.id;
    draw(dialog, html);
    desk.inert = true; // the AWS account is another window: it stays within reach
    if (!dialog.open) dialog.show();
    const form = dialog.firstElementChild;
    dialog.setAttribute("aria-labelledby", form.dataset.surface);
    const wrong = dialog.querySelector("[aria-invalid]");
    if (wrong && !invalid) wrong.focus();
    else if (shown !== form.id) (dialog.querySelector(".content :is(input, select, textarea)") ?? title()).focus();
    else if (document.activeElement === document.body) title().focus();
  },
};

const title = () => dialog.querySelector("h2");

function closeModal() {
  desk.inert = false;
  if (!dialog.open) return;
  const within = dialog.contains(document.activeElement) || document.activeElement === document.body;
  dialog.close();
  dialog.replaceChildren();
  if (within) (by(returnTo) ?? text).focus();
}

function look() {
  stream?.close();
  const where = new URLSearchParams({ as: as.value, place });
  history.replaceState(null, "", `?${where}`);
  stream = new EventSource(`/events?${where}`);
  for (const [part, drawn] of Object.entries(show)) stream.addEventListener(part, (e) => drawn(JSON.parse(e.data)));
  stream.onerror = () => trouble("The playground does not answer.");
  stream.onopen = () => trouble("");
}

// Doing

const trouble = (sentence) => (by("trouble").textContent = sentence);

async function post(path, body) {
  trouble("");
  try {
    const answer = await fetch(path, { method: "POST", body });
    if (!answer.ok) trouble((await answer.json()).error);
    return answer.ok;
  } catch {
    trouble("The playground does not answer.");
    return false;
  }
}

const act = (name, body) => post(`/slack/${name}?as=${encodeURIComponent(as.value)}`, body);

/** What stands in the form around `element`, and which element of which surface it is. */
function pointed(element) {
  const surface = element.closest("[data-surface]");
  const body = new FormData(surface.tagName === "FORM" ? surface : undefined);
  body.set("surface", surface.dataset.surface);
  body.set("block", element.dataset.block ?? "");
  body.set("action", element.dataset.action ?? "");
  body.set("value", element.dataset.value ?? "");
  return body;
}

/** Ask what the button's confirmation dialog asks. */
function agreed(button) {
  if (!button.dataset.confirm) return Promise.resolve(true);
  const asked = JSON.parse(button.dataset.confirm);
  const box = by("confirm");
  for (const [id, part] of Object.entries({ title: "title", text: "text", no: "deny", yes: "confirm" }))
    by(`confirm-${id}`).textContent = asked[part];
  by("confirm-yes").className = `button ${button.classList.contains("danger") ? "danger" : "primary"}`;
  box.returnValue = "";
  box.showModal();
  return new Promise((done) => box.addEventListener("close", () => done(box.returnValue === "yes"), { once: true }));
}

const doings = {
  "[data-place]": (link, event) => {
    event.preventDefault();
    place = link.dataset.place;
    if (place === "home") act("home", new FormData());
    look();
  },
  "[data-close]": (button) => act("close", pointed(button)),
  "button[data-action]": async (button) => {
    if (!(await agreed(button))) return;
    if (button.dataset.url) window.open(button.dataset.url, "_blank", "noopener");
    await act("press", pointed(button));
  },
  "[data-shortcut]": (button) => {
    const body = pointed(button);
    body.set("value", button.dataset.shortcut);
    button.closest("details").open = false;
    act("shortcut", body);
  },
  "[data-copy]": async (button) => {
    const field = by(button.dataset.copy);
    field.select();
    await navigator.clipboard?.writeText(field.value).catch(() => document.execCommand("copy"));
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  },
};

document.addEventListener("click", (event) => {
  for (const [selector, what] of Object.entries(doings)) {
    const found = event.target.closest(selector);
    if (found) return void what(found, event);
  }
});

document.addEventListener("change", (event) => {
  const changed = event.target;
  if (changed.tagName === "SELECT") changed.dataset.touched = "yes";
  if (changed === as) look();
  else if (changed.id === "file") text.required = !changed.files.length;
  else if ("submits" in changed.dataset) changed.form.requestSubmit();
  else if ("atOnce" in changed.dataset && changed.form?.dataset.surface) act("set", pointed(changed));
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  event.preventDefault();
  if (form.id === "say") {
    const body = new FormData(form);
    body.set("place", place);
    form.reset();
    text.required = true;
    log.scrollTop = log.scrollHeight;
    if (!(await act("say", body)) && !text.value) text.value = body.get("text");
  } else if (form.dataset.surface) {
    const button = form.querySelector("[type=submit]");
    if (!button) return;
    button.disabled = true;
    await act("submit", pointed(form));
    button.disabled = false;
  } else if (form.action.includes("/aws/")) {
    for (const field of form.elements) field.defaultValue = field.value;
    await post(form.action, new FormData(form));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && dialog.open && !by("confirm").open) dialog.querySelector("[data-close]")?.click();
});

if ([...as.options].some((option) => option.value === address.get("as"))) as.value = address.get("as");
look();
text.focus();

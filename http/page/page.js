/* The page: submits a file, follows its task, lists tasks. Talks to nothing but the engine that served it. */

const $ = (id) => document.getElementById(id);
const listEveryMs = 4000;
/** Kept for this tab only. */
const tokenKey = "seedvr2-token";

/* Requests */

function authorization() {
  const token = sessionStorage.getItem(tokenKey);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** fetch with the token; asks for it when the engine wants one, and rejects with the engine's own words on failure. */
async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...options.headers, ...authorization() } });
  if (response.status === 401) {
    await askForToken();
    return ask(path, options);
  }
  if (!response.ok) throw new Error(await errorText(response));
  return response;
}

async function askJson(path, options) {
  return (await ask(path, options)).json();
}

async function errorText(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `The engine answered with status ${response.status}.`;
  }
}

let asking;

/** One question at a time, however many requests wait for the answer. */
function askForToken() {
  sessionStorage.removeItem(tokenKey);
  asking ??= new Promise((resolve) => {
    const dialog = $("token-dialog");
    dialog.addEventListener(
      "close",
      () => {
        sessionStorage.setItem(tokenKey, $("token").value.trim());
        $("token").value = "";
        asking = undefined;
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}

/* Models */

async function showModels() {
  const { models, default: preset } = await askJson("/api/models");
  const usable = models.filter((model) => model.installed || model.builtin);
  const options = usable.map((model) => {
    const option = new Option(modelLabel(model, preset), model.name, false, model.name === preset);
    option.disabled = !model.runnable;
    option.dataset.note = model.reason ?? model.desc.en;
    return option;
  });
  $("model").replaceChildren(...options);
  showModelNote();
}

function modelLabel(model, preset) {
  const facts = [model.params, model.precision, model.variant].filter(Boolean).join(", ");
  const state = model.runnable ? "" : ` – cannot run: ${model.reason ?? "unknown reason"}`;
  return `${model.name} (${facts})${model.name === preset ? ", default" : ""}${state}`;
}

function showModelNote() {
  $("model-note").textContent = $("model").selectedOptions[0]?.dataset.note ?? "";
}

/* Submitting */

function formFields() {
  const form = new FormData();
  const size = $("by-scale").checked ? "scale" : "resolution";
  form.append(size, $(size).value);
  if ($("model").value) form.append("dit_model", $("model").value);
  form.append("file", $("file").files[0]);
  return form;
}

/** XMLHttpRequest, because fetch does not tell how far an upload is. */
function upload(form, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/process");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    request.onerror = () => reject(new Error("The engine could not be reached, or it ended the upload."));
    request.onload = () => {
      if (request.status === 200) resolve(request.response);
      else reject(new Error(request.response?.error ?? `The engine answered with status ${request.status}.`));
    };
    request.send(form);
  });
}

async function submitForm(event) {
  event.preventDefault();
  showProblem("");
  $("submit").disabled = true;
  const name = $("file").files[0].name;
  try {
    showCurrent(name);
    // A wrong token would only be told after the whole upload.
    await ask("/api/queue/status");
    const { task_id: id } = await upload(formFields(), (share) => {
      $("bar").value = share * 100;
      if (share === 1) $("state").textContent = "Uploaded; the engine looks at the file …";
    });
    $("submit").disabled = false;
    void showTasks();
    await follow(id);
  } catch (error) {
    $("current").hidden = !followed;
    showProblem(error.message);
  } finally {
    $("submit").disabled = false;
  }
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = text === "";
}

/* Following one task */

let followed;

function showCurrent(name) {
  followed?.abort();
  followed = undefined;
  $("current").hidden = false;
  $("current-heading").textContent = `Progress: ${name}`;
  $("bar").value = 0;
  $("state").textContent = "Uploading …";
  $("notes").replaceChildren();
  $("result").replaceChildren();
}

/** Shows a task's changes until it has ended. Events are read with fetch, because EventSource cannot send a token. */
async function follow(id) {
  const mine = new AbortController();
  followed = mine;
  try {
    let ended = false;
    while (!ended) ended = await followOnce(id, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) throw error;
  }
  void showTasks();
}

/** One connection's worth of events; whether the task has ended (else the connection broke off). */
async function followOnce(id, signal) {
  const response = await ask(`/api/tasks/${id}/events`, { signal });
  let ended = false;
  for await (const { event, data } of eventsOf(response)) {
    const said = JSON.parse(data);
    if (event === "error") throw new Error(said.error);
    showTask(said);
    ended = !["queued", "processing"].includes(said.status);
  }
  return ended;
}

async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.data !== undefined) yield { event: fields.event ?? "message", data: fields.data };
    }
  }
}

function showTask(task) {
  $("bar").value = task.progress;
  $("state").textContent = stateText(task);
  $("notes").replaceChildren(
    ...task.notes.map((note) => {
      const item = document.createElement("li");
      item.textContent = note;
      return item;
    }),
  );
  $("result").replaceChildren(...(task.status === "completed" ? [downloadLink(task.id, "Download", "button")] : []));
}

function stateText(task) {
  switch (task.status) {
    case "queued":
      return `Waiting${task.stage ? `, ${task.stage}` : ""}, number ${task.queue_position} in the queue.`;
    case "processing": {
      const frames = task.frames_total > 1 ? `, frame ${task.frames_done} of ${task.frames_total}` : "";
      const left = task.eta === null ? "" : `, about ${duration(task.eta)} left`;
      return `${Math.round(task.progress)} %: ${task.stage ?? "working"}${frames}${left}.`;
    }
    case "completed":
      return `Done in ${duration(task.process_time)}: ${task.output_filename}, ${task.output_resolution}.`;
    case "failed":
      return `Failed: ${task.error}`;
    default:
      return "Cancelled.";
  }
}

function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/* Downloading */

function downloadLink(id, text, className) {
  const link = document.createElement("a");
  link.href = `/api/download/${id}`;
  link.textContent = text;
  link.className = className;
  link.download = "";
  link.addEventListener("click", (event) => {
    // A plain link cannot send a token.
    if (!sessionStorage.getItem(tokenKey)) return;
    event.preventDefault();
    downloadWithToken(link.href).catch((error) => showProblem(error.message));
  });
  return link;
}

async function downloadWithToken(href) {
  const response = await ask(href);
  const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition"))?.[1] ?? "result";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = decodeURIComponent(name);
  link.click();
  URL.revokeObjectURL(link.href);
}

/* The list of tasks */

async function showTasks() {
  const [queue, ended] = await Promise.all([
    askJson("/api/queue/status"),
    askJson("/api/queue/history?status=all&limit=20"),
  ]);
  const running = queue.processing ? [runningRow(queue.processing)] : [];
  const waiting = queue.pending_tasks.map((task) =>
    row(task.task_id, `waiting, number ${task.position}`, task.task_id),
  );
  const rows = [...running, ...waiting, ...ended.history.map(endedRow)];
  // Replacing what is the same would take the keyboard's focus away.
  const shape = rows.map((item) => item.textContent).join("\n");
  if ($("tasks").dataset.shape === shape) return;
  $("tasks").dataset.shape = shape;
  $("tasks").replaceChildren(...rows);
  $("no-tasks").hidden = rows.length > 0;
}

function runningRow({ task_id: id, progress, model }) {
  return row(id, `running, ${Math.round(progress)} %, ${model}`, id);
}

function endedRow(task) {
  const took = task.process_time === null ? "" : ` in ${duration(task.process_time)}`;
  const size = task.output_resolution ? `, ${task.output_resolution}` : "";
  const when = task.completed_at ? `, ${new Date(task.completed_at).toLocaleString()}` : "";
  const name = task.output_filename ?? task.id;
  const item = row(undefined, `${task.status}${took}${size}${when}`, name);
  if (task.status === "completed") {
    const link = downloadLink(task.id, "Download", "");
    link.setAttribute("aria-label", `Download ${name}`);
    item.append(link);
  }
  return item;
}

/** A line of the list; with a cancel button when `cancels` names a task. */
function row(cancels, about, name) {
  const item = document.createElement("li");
  const label = document.createElement("span");
  label.className = "name";
  label.textContent = name;
  const small = document.createElement("span");
  small.className = "about";
  small.textContent = about;
  label.append(small);
  item.append(label);
  if (cancels) item.append(cancelButton(cancels));
  return item;
}

function cancelButton(id) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Cancel";
  button.setAttribute("aria-label", `Cancel task ${id}`);
  button.addEventListener("click", () => {
    button.disabled = true;
    ask(`/api/tasks/${id}/cancel`, { method: "POST" })
      .then(showTasks)
      .catch((error) => showProblem(error.message));
  });
  return button;
}

async function keepListing() {
  for (;;) {
    if (!document.hidden) {
      // The engine may be restarting; the next look tells.
      await showTasks().catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, listEveryMs));
  }
}

/* Start */

for (const radio of document.querySelectorAll("input[name=size]")) {
  radio.addEventListener("change", () => {
    $("resolution").disabled = $("by-scale").checked;
    $("scale").disabled = !$("by-scale").checked;
  });
}
$("model").addEventListener("change", showModelNote);
$("new-task").addEventListener("submit", submitForm);
showModels().catch((error) => showProblem(error.message));
void keepListing();

'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const film = JSON.parse(find('film').textContent);
  const stage = find('stage'), go = find('go'), seek = find('seek'), time = find('time'), now = find('now');
  const rows = [...stage.children], items = [...document.querySelectorAll('.story button')];
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const sign = /[\u0250-\u24ff\u2580-\uffff]|[\ud800-\udbff][\udc00-\udfff]/;
  let at = 0, shot = -1, shown = rows.map(() => -1), isPlaying = false, speed = 1, last = 0;

  // Rows: [style, text, style, text, ...]. Shots: [milliseconds, row, state, row, state, ...], only what changed.
  const paintRow = (y, state) => {
    if (shown[y] === state) return;
    shown[y] = state;
    const runs = film.rows[state], parts = [];
    for (let n = 0; n < runs.length; n += 2) {
      const span = document.createElement('span');
      span.className = 'a' + runs[n] + ' b' + runs[n];
      if (!sign.test(runs[n + 1])) span.textContent = runs[n + 1];
      else for (const letter of runs[n + 1]) {
        if (!sign.test(letter)) { span.append(letter); continue; }
        const cell = document.createElement('i');
        cell.textContent = letter;
        span.append(cell);
      }
      parts.push(span);
    }
    rows[y].replaceChildren(...parts);
  };

  const shotAt = (ms) => {
    let low = 0, high = film.shots.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (film.shots[middle][0] <= ms) low = middle; else high = middle - 1;
    }
    return low;
  };

  // What each row shows at a shot: from where we are if it lies ahead, else from the beginning.
  const states = rows.map(() => 0);
  const show = (wanted) => {
    let next = wanted < shot ? 0 : shot + 1;
    for (; next <= wanted; next++) {
      const changes = film.shots[next];
      for (let n = 1; n < changes.length; n += 2) states[changes[n]] = changes[n + 1];
    }
    shot = wanted;
    states.forEach((state, y) => paintRow(y, state));
  };

  const clock = (ms) => {
    const tenths = Math.floor(ms / 100);
    return String(Math.floor(tenths / 600)).padStart(2, '0') + ':' + String(Math.floor(tenths / 10) % 60).padStart(2, '0') + '.' + tenths % 10;
  };

  const chapterAt = (ms) => {
    let found = -1;
    film.chapters.forEach((chapter, n) => { if (chapter[0] <= ms) found = n; });
    return found;
  };

  let told = -2;
  const tell = () => {
    const chapter = chapterAt(at);
    if (chapter === told) return;
    told = chapter;
    items.forEach((item, n) => n === chapter ? item.setAttribute('aria-current', 'step') : item.removeAttribute('aria-current'));
    if (chapter < 0) { now.textContent = ''; return; }
    let beat = chapter;
    while (beat > 0 && film.chapters[beat][1] !== 'beat') beat--;
    now.textContent = film.chapters[film.chapters[beat][1] === 'beat' ? beat : chapter][2];
    const list = items[chapter].closest('ol'), box = items[chapter].getBoundingClientRect(), around = list.getBoundingClientRect();
    if (list.scrollHeight > list.clientHeight) list.scrollTop += box.top - around.top - list.clientHeight / 3;
  };

  const draw = () => {
    show(shotAt(at));
    seek.value = at;
    time.textContent = clock(at) + ' / ' + clock(film.length);
    seek.setAttribute('aria-valuetext', clock(at));
    tell();
  };

  const set = (playing) => {
    isPlaying = playing;
    go.textContent = playing ? 'Pause' : isCalm ? 'Next' : at >= film.length ? 'Again' : 'Play';
    if (playing) { last = performance.now(); requestAnimationFrame(step); }
  };
  const step = (moment) => {
    if (!isPlaying) return;
    at = Math.min(film.length, at + (moment - last) * speed);
    last = moment;
    draw();
    if (at >= film.length) set(false); else requestAnimationFrame(step);
  };
  const jump = (ms) => { at = Math.max(0, Math.min(film.length, ms)); draw(); if (!isPlaying) set(false); };
  // A moment after, so that the chapter itself is found.
  const chapter = (by) => {
    const times = [...new Set([0, ...film.chapters.map((one) => one[0]), film.length])];
    const ahead = times.find((one) => one > at + 1), behind = times.filter((one) => one < at - 600).pop();
    jump(by > 0 ? ahead ?? film.length : behind ?? 0);
  };
  // Who wants no motion steps from chapter to chapter.
  const press = () => {
    if (isCalm) return at >= film.length ? jump(0) : chapter(1);
    if (!isPlaying && at >= film.length) at = 0;
    set(!isPlaying);
  };

  go.onclick = press;
  find('back').onclick = () => chapter(-1);
  find('ahead').onclick = () => chapter(1);
  find('help').onclick = () => find('keys').showModal();
  find('speed').onchange = (event) => { speed = Number(event.target.value); };
  seek.max = film.length;
  seek.oninput = () => jump(Number(seek.value));
  items.forEach((item, n) => { item.onclick = () => jump(film.chapters[n][0]); });
  document.querySelectorAll('.copy button').forEach((button) => {
    button.onclick = async () => {
      try { await navigator.clipboard.writeText(button.previousElementSibling.textContent); button.textContent = 'Copied'; }
      catch { getSelection().selectAllChildren(button.previousElementSibling); }
    };
  });
  for (const [ms, kind] of film.chapters) {
    const tick = document.createElement('b');
    tick.className = kind;
    tick.style.left = 100 * ms / Math.max(1, film.length) + '%';
    find('ticks').append(tick);
  }
  const keys = {
    ' ': press, k: press, ArrowLeft: () => jump(at - 1000), ArrowRight: () => jump(at + 1000), '[': () => chapter(-1), ']': () => chapter(1),
    ',': () => jump(film.shots[Math.max(0, shot - 1)][0]), '.': () => jump(film.shots[Math.min(film.shots.length - 1, shot + 1)][0]),
    Home: () => jump(0), End: () => jump(film.length), '?': () => find('keys').showModal(),
  };
  addEventListener('keydown', (event) => {
    const target = event.target, isField = target === seek || target.tagName === 'SELECT';
    if (event.ctrlKey || event.metaKey || event.altKey || find('keys').open) return;
    if ((isField && event.key !== ' ' && event.key.length > 1) || (target.tagName === 'BUTTON' && event.key === ' ')) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.body.classList.add('alive');
  draw();
  set(false);
  const wanted = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (wanted) jump(Number(wanted[1]) * 1000);
})();

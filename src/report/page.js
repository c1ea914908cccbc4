/* The charts of a report. Each figure holds a canvas and its data as JSON; Chart.js draws. What the
 * reader chose (axis, zoom, smoothing, hidden curves) is kept beside the chart, and every change
 * draws the whole chart again from it. Colours are the page's variables, read at each drawing. */
'use strict';
(() => {
const dark = matchMedia('screen and (prefers-color-scheme: dark)'), redraw = [];
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const show = v => v && Math.abs(v) < 1e-3 ? v.toExponential(2) : v.toLocaleString('en', {maximumSignificantDigits: 5});
const add = (parent, tag, text, more) => parent.appendChild(Object.assign(document.createElement(tag), {textContent: text}, more));

/* Hovering picks from every curve the point nearest to the pointer; curves need not share steps. */
Chart.Interaction.modes.nearestOfEach = (chart, e) => chart.getSortedVisibleDatasetMetas().flatMap(meta => {
  const points = chart.data.datasets[meta.index].hover ? meta.data : [];
  let low = 0, high = points.length - 1;
  while (high - low > 1) { const mid = (low + high) >> 1; if (points[mid].x < e.x) low = mid; else high = mid; }
  if (high < 0) return [];
  const index = Math.abs(points[low].x - e.x) <= Math.abs(points[high].x - e.x) ? low : high;
  const at = points[index].x, area = chart.chartArea;
  return points[index].skip || at < area.left - 1 || at > area.right + 1 ? [] : [{element: points[index], datasetIndex: meta.index, index}];
}).sort((a, b) => a.datasetIndex - b.datasetIndex);

/* The line under the pointer, and the stretch that a drag selects. */
const overlay = {id: 'overlay', afterDraw(chart) {
  const {ctx, chartArea: a, tooltip, drag} = chart;
  ctx.save();
  if (drag) { ctx.globalAlpha = .15; ctx.fillStyle = css('--link'); ctx.fillRect(Math.min(...drag), a.top, Math.abs(drag[1] - drag[0]), a.height); }
  else if (tooltip?.opacity && chart.line) { ctx.strokeStyle = css('--soft'); ctx.globalAlpha = .5; ctx.beginPath(); ctx.moveTo(tooltip.caretX, a.top); ctx.lineTo(tooltip.caretX, a.bottom); ctx.stroke(); }
  ctx.restore();
}};

const axis = (title, more, ticks) => ({grid: {color: css('--grid'), borderColor: css('--line'), tickColor: 'transparent'},
  ticks: {color: css('--soft'), maxRotation: 0, autoSkipPadding: 16, includeBounds: false, ...ticks}, title: {display: !!title, text: title, color: css('--soft')}, ...more});
const tooltip = more => ({backgroundColor: css('--card'), titleColor: css('--soft'), bodyColor: css('--ink'), borderColor: css('--line'),
  borderWidth: 1, padding: 10, boxPadding: 5, usePointStyle: true, caretSize: 0, caretPadding: 12, animation: false, titleFont: {weight: 'normal'}, ...more});
const base = more => ({animation: false, maintainAspectRatio: false, locale: 'en', ...more});
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;

/* The largest of 1, 2, 5, 10, 20 .. that is not above v; a logarithmic axis starts there. */
const below = v => { const p = 10 ** Math.floor(Math.log10(v)); return isFinite(v) ? (v >= 5 * p ? 5 : v >= 2 * p ? 2 : 1) * p : undefined; };

/* A running mean that forgets at rate w, corrected for its start; gaps stay gaps. Where a curve was
 * thinned it runs over the means of what each point stands for. Long curves start smoothed. */
const smooth = (values, w) => { let m = 0, n = 0; return values.map(v => v === null ? null : (m = w * m + (1 - w) * v, n = w * n + 1 - w, m / n)); };

function curves(figure, canvas, data) {
  const all = data.curves, last = key => Math.max(...all.map(c => c[key]?.length ? c[key].at(-1) : 0)), hidden = new Set();
  const positive = all.every(c => c.value.every(v => v === null || v > 0)) && !(data.floor?.[0] <= 0);
  const time = last('seconds') > 7200 ? [3600, 'hours'] : last('seconds') > 180 ? [60, 'minutes'] : [1, 'seconds'];
  const axes = {steps: [1, c => c.step], examples: [1, c => c.examples?.map ? c.examples : c.examples && c.step.map(s => s * c.examples)], time: [time[0], c => c.seconds]};
  const state = {x: 'steps', log: data.log && positive, smooth: all.some(c => c.mean) ? .9 : 0, zoom: null};
  const chart = new Chart(canvas, {type: 'line', data: {datasets: []}, options: base(), plugins: [overlay]});
  chart.line = true;

  const band = {borderWidth: 0, pointRadius: 0, pointHoverRadius: 0, order: 2};

  const draw = () => {
    const [unit, xs] = axes[state.x], sets = [];
    const line = (c, values, more) => sets.push({label: c.name, data: values.map((y, i) => ({x: xs(c)[i] / unit, y})), borderWidth: 2, pointRadius: c.value.length > 1 ? 0 : 3,
      pointHoverRadius: 4, pointStyle: 'circle', borderJoinStyle: 'round', ...more});
    all.forEach((c, i) => {
      if (hidden.has(i)) return;
      const colour = css('--s' + i % 7), dash = i > 6 ? [6, 4] : [], look = {borderColor: colour, backgroundColor: colour, borderDash: dash};
      if (c.lower) { line(c, c.lower, band); line(c, c.upper, {...band, fill: '-1', backgroundColor: colour + '2e'}); }
      if (state.smooth) line(c, c.value, {...look, ...band, borderWidth: 1, borderColor: colour + '38'});
      line(c, state.smooth ? smooth(c.mean ?? c.value, state.smooth) : c.value, {...look, hover: true, curve: c});
    });
    const ends = all.flatMap(c => [xs(c)[0], xs(c).at(-1)]).filter(isFinite);
    if (data.floor) sets.push({label: data.floor[1], data: [Math.min(...ends), Math.max(...ends)].map(x => ({x: x / unit, y: data.floor[0]})), ...band, borderColor: css('--soft'), borderWidth: 1.5, borderDash: [5, 4], order: 1});
    const label = state.x === 'time' ? time[1] : state.x, powers = v => { const m = +(v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toFixed(6); return m === 1 || m === 2 || m === 5 ? show(v) : ''; };
    const [from, to] = state.zoom ?? [-Infinity, Infinity], seen = sets.flatMap(s => s.data.filter(p => p.x >= from && p.x <= to && p.y > 0).map(p => p.y));
    chart.data.datasets = sets;
    chart.options = base({parsing: false, normalized: true, interaction: {mode: 'nearestOfEach', intersect: false},
      scales: {x: axis(label, {type: 'linear', min: state.zoom?.[0], max: state.zoom?.[1], ...(!state.zoom && {max: Math.max(...ends) / unit})}), y: axis(data.axis, state.log ? {type: 'logarithmic', min: below(Math.min(...seen))} : {type: 'linear'}, state.log && {callback: powers})},
      plugins: {legend: {display: false}, tooltip: tooltip({callbacks: {title: t => t.length ? label + ' ' + show(t[0].parsed.x) + (state.smooth ? ', smoothed' : '') : '',
        label: t => ` ${t.dataset.label}  ${show(t.parsed.y)}` + (t.dataset.curve.lower ? `  (${show(t.dataset.curve.lower[t.dataIndex])} to ${show(t.dataset.curve.upper[t.dataIndex])})` : '')}})}});
    chart.update('none');
    reset.hidden = !state.zoom;
    legend.querySelectorAll('i').forEach((mark, i) => { mark.style.background = css(i < all.length ? '--s' + i % 7 : '--soft'); });
  };

  const tools = document.createElement('div'), legend = document.createElement('div');
  tools.className = 'tools'; legend.className = 'legend';
  figure.insertBefore(tools, canvas.parentNode); figure.insertBefore(legend, canvas.parentNode.nextSibling);
  const press = (parent, text, pressed, act) => { const b = add(parent, 'button', text, {type: 'button'}); b.setAttribute('aria-pressed', pressed); b.onclick = () => { act(b); draw(); }; return b; };
  const choices = Object.keys(axes).filter(key => all.every(c => axes[key][1](c) || !c.step.length));
  const group = add(tools, 'span', '', {className: 'group'});
  choices.length > 1 ? choices.forEach(key => press(group, key, key === state.x, b => { state.x = key; state.zoom = null; for (const other of group.children) other.setAttribute('aria-pressed', other === b); })) : group.remove();
  if (positive) press(tools, 'log axis', state.log, b => b.setAttribute('aria-pressed', state.log = !state.log));
  add(add(tools, 'label', 'smoothing'), 'input', '', {type: 'range', min: 0, max: .98, step: .02, value: state.smooth, oninput() { state.smooth = +this.value; draw(); }});
  const reset = add(tools, 'button', 'whole curve', {type: 'button', onclick() { state.zoom = null; draw(); }});
  all.forEach((c, i) => press(legend, c.name, true, b => { hidden.has(i) ? hidden.delete(i) : hidden.add(i); b.setAttribute('aria-pressed', !hidden.has(i)); }).prepend(document.createElement('i')));
  if (data.floor) add(legend, 'span', ' ' + data.floor[1], {className: 'floor'}).prepend(document.createElement('i'));

  /* Dragging along the axis zooms. On touch a vertical stroke still scrolls the page (touch-action). */
  const at = e => { const a = chart.chartArea; return Math.max(a.left, Math.min(a.right, e.clientX - canvas.getBoundingClientRect().left)); };
  canvas.onpointerdown = e => { if (e.button === 0) { chart.drag = [at(e), at(e)]; canvas.setPointerCapture(e.pointerId); } };
  canvas.onpointermove = e => { if (chart.drag) { chart.drag[1] = at(e); chart.draw(); } };
  canvas.onpointercancel = () => { chart.drag = null; chart.draw(); };
  canvas.onpointerup = () => { const d = chart.drag?.sort((a, b) => a - b); chart.drag = null; if (d && d[1] - d[0] > 8) state.zoom = d.map(p => chart.scales.x.getValueForPixel(p)); draw(); };
  canvas.ondblclick = () => { state.zoom = null; draw(); };
  return draw;
}

/* Long names break into lines of about so many letters. */
const wrap = (text, width) => text.split(' ').reduce((lines, word) => { lines.length && (lines.at(-1) + ' ' + word).length <= width ? lines.push(lines.pop() + ' ' + word) : lines.push(word); return lines; }, []);

function intervals(figure, canvas, data) {
  const claims = data.claims, phone = () => figure.clientWidth < 520;
  canvas.parentNode.style.height = 90 + 52 * claims.length + 'px';
  const chart = new Chart(canvas, {type: 'bar', data: {labels: [], datasets: []}, options: base()});
  return () => {
    const colours = claims.map(c => css('--' + c[5])), mark = {type: 'line', showLine: false};
    chart.data = {labels: claims.map(c => wrap(c[0], phone() ? 14 : 28)), datasets: [
      {...mark, label: 'published', data: claims.map(c => c[1]), pointStyle: 'rectRot', pointRadius: 7, pointHoverRadius: 8, borderColor: css('--ink'), pointBackgroundColor: css('--card'), pointBorderWidth: 2},
      {...mark, label: 'measured', data: claims.map(c => c[2]), pointRadius: 5, pointHoverRadius: 6, borderColor: css('--card'), pointBackgroundColor: colours, backgroundColor: css('--open'), pointBorderWidth: 1.5},
      {label: 'interval', data: claims.map(c => c[3] === null || c[4] === null ? null : [c[3], c[4]]), backgroundColor: colours.map(c => c + '59'), borderRadius: 5, borderSkipped: false, barThickness: 14}]};
    chart.options = base({indexAxis: 'y', interaction: {mode: 'index', axis: 'y', intersect: false}, scales: {x: axis(data.axis, {grace: '8%'}), y: axis('', {grid: {display: false}, offset: true}, {color: css('--ink'), autoSkip: false})},
      plugins: {legend: {labels: {usePointStyle: true, color: css('--ink'), boxHeight: 8, boxWidth: 8, padding: 16, generateLabels: () => [['published', 'rectRot', css('--card'), css('--ink')], ['measured, with its interval', 'circle', css('--open'), css('--open')]].map((l, i) => ({text: '\u2002' + l[0], pointStyle: l[1], fillStyle: l[2], strokeStyle: l[3], lineWidth: 2, fontColor: css('--ink'), datasetIndex: i}))}, onClick() {}},
        tooltip: tooltip({callbacks: {title: t => t.length ? claims[t[0].dataIndex][0] : '', label: t => { const v = t.raw; return v === null ? '' : ` ${t.dataset.label}  ` + (v.map ? v.map(show).join(' to ') : show(v)); }}})}});
    chart.update('none');
  };
}

for (const figure of document.querySelectorAll('figure.chart')) {
  const draw = {curves, intervals}[figure.dataset.kind](figure, figure.querySelector('canvas'), JSON.parse(figure.querySelector('script').textContent));
  draw();
  redraw.push(draw);
}
const again = () => redraw.forEach(draw => draw());
dark.addEventListener('change', again);
addEventListener('beforeprint', again);
})();

/* The charts of a report. Each figure holds a canvas and its data as JSON (curves.c, claims.c);
 * Chart.js draws. What the reader chose (axis, zoom, smoothing, hidden curves) is kept beside the
 * chart, and every change draws the whole chart again from it. Colours are the page's variables,
 * read at each drawing, so that they follow light, dark and paper. */
'use strict';
(() => {
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = i => css('--s' + i % 7);

const show = v => v === null ? '–'
  : v && Math.abs(v) < 1e-3 ? v.toExponential(2)
  : v.toLocaleString('en', {maximumSignificantDigits: 5});

const add = (parent, tag, textContent, more) =>
  parent.appendChild(Object.assign(document.createElement(tag), {textContent}, more));

/* ---- what all charts share ---- */

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
Chart.defaults.animation = Chart.defaults.maintainAspectRatio = false;
Chart.defaults.locale = 'en';

const axis = (title, more, ticks) => ({
  grid: {color: css('--grid'), borderColor: css('--line'), tickColor: 'transparent'},
  ticks: {color: css('--soft'), maxRotation: 0, autoSkipPadding: 16, includeBounds: false,
    ...ticks},
  title: {display: !!title, text: title, color: css('--soft')}, ...more});

const tooltip = callbacks => ({
  backgroundColor: css('--card'), borderColor: css('--line'), borderWidth: 1, padding: 10,
  titleColor: css('--soft'), bodyColor: css('--ink'), titleFont: {weight: 'normal'},
  usePointStyle: true, boxPadding: 5, caretSize: 0, caretPadding: 12, animation: false, callbacks});

/* Hovering picks from every curve the point nearest to the pointer: curves need not share steps. */
Chart.Interaction.modes.nearestOfEach = (chart, e) => chart.data.datasets.flatMap((set, i) => {
  const points = set.hover ? chart.getDatasetMeta(i).data : [];
  if (!points.length) return [];
  let low = 0, high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle].x < e.x) low = middle; else high = middle;
  }
  const index = e.x - points[low].x <= points[high].x - e.x ? low : high, element = points[index];
  const inside = element.x > chart.chartArea.left - 1 && element.x < chart.chartArea.right + 1;
  return inside && !element.skip ? [{element, datasetIndex: i, index}] : [];
});

/* The stretch that a drag selects, or the line through what is hovered. */
const overlay = {id: 'overlay', afterDraw({ctx, chartArea, tooltip, drag}) {
  const box = (x, width) => ctx.fillRect(x, chartArea.top, width, chartArea.height);
  ctx.save();
  ctx.globalAlpha = drag ? .15 : .4;
  ctx.fillStyle = css(drag ? '--link' : '--soft');
  if (drag) box(Math.min(...drag), Math.abs(drag[1] - drag[0]));
  else if (tooltip?.opacity) box(tooltip.caretX - .5, 1);
  ctx.restore();
}};

/* ---- curves ---- */

/* A running mean that forgets at rate w, corrected for its start; gaps stay gaps. */
const smooth = (values, w) => {
  let sum = 0, weight = 0;
  return values.map(v => {
    if (v === null) return null;
    sum = w * sum + (1 - w) * v;
    weight = w * weight + 1 - w;
    return sum / weight;
  });
};

/* A logarithmic axis starts at the largest of 1, 2, 5, 10, 20 .. that is not above v, and is
 * labelled at those. */
const below = v => {
  const p = 10 ** Math.floor(Math.log10(v));
  return isFinite(v) ? (v >= 5 * p ? 5 : v >= 2 * p ? 2 : 1) * p : undefined;
};
const logLabel = v => Math.abs(below(v * 1.0001) / v - 1) < 1e-3 ? show(v) : '';

/* The choices for the horizontal axis: name, unit, and a curve's numbers there, if it has them. */
function axesOf(all) {
  const seconds = Math.max(...all.map(c => c.seconds?.at(-1) ?? 0));
  const [unit, label] = seconds > 7200 ? [3600, 'hours'] : seconds > 180 ? [60, 'minutes']
    : [1, 'seconds'];
  return [
    {name: 'steps', label: 'steps', unit: 1, of: c => c.step},
    {name: 'examples', label: 'examples', unit: 1,
      of: c => c.examples > 0 ? c.step.map(s => s * c.examples) : c.examples},
    {name: 'time', label, unit, of: c => c.seconds},
  ].filter(axis => all.every(c => axis.of(c) || !c.step.length));
}

/* What Chart.js is to draw, nearest to the eye last in `order`. */
function linesOf(data, state) {
  const sets = [], quiet = {borderWidth: 0, pointRadius: 0, pointHoverRadius: 0, order: 2};
  data.curves.forEach((c, i) => {
    const xs = state.x.of(c), main = colour(i);
    const line = (values, more) => sets.push({label: c.name, borderColor: main,
      data: values.map((y, k) => ({x: xs[k] / state.x.unit, y})), ...quiet, ...more});
    if (state.hidden.has(i)) return;
    if (c.lower) {
      line(c.lower);
      line(c.upper, {fill: '-1', backgroundColor: main + '2e'});
    }
    if (state.smooth) line(c.value, {borderWidth: 1, borderColor: main + '38'});
    /* A thinned curve is smoothed through the means of what each kept point stands for. */
    line(state.smooth ? smooth(c.mean ?? c.value, state.smooth) : c.value, {
      hover: true, curve: c, order: 0, borderWidth: 2, borderJoinStyle: 'round',
      borderDash: i > 6 ? [6, 4] : [], backgroundColor: main, pointStyle: 'circle',
      pointRadius: c.value.length > 1 ? 0 : 3, pointHoverRadius: 4});
  });
  const ends = data.curves.filter(c => c.step.length)
    .flatMap(c => [state.x.of(c)[0], state.x.of(c).at(-1)]).map(x => x / state.x.unit);
  const first = Math.min(...ends), last = ends.length ? Math.max(...ends) : undefined;
  if (data.floor) {
    sets.push({label: data.floor[1], ...quiet, borderColor: css('--soft'), borderWidth: 1.5,
      borderDash: [5, 4], order: 1, data: [first, last].map(x => ({x, y: data.floor[0]}))});
  }
  return {sets, last};
}

function curves(figure, canvas, data) {
  const all = data.curves, axes = axesOf(all);
  const positive = !(data.floor?.[0] <= 0) &&
    all.every(c => c.value.every(v => v === null || v > 0));
  /* Curves long enough to be thinned are noisy at this size, and start smoothed. */
  const state = {x: axes[0], log: data.log && positive, smooth: all.some(c => c.mean) ? .9 : 0,
    zoom: null, hidden: new Set()};
  const chart = new Chart(canvas, {type: 'line', data: {datasets: []}, plugins: [overlay]});

  const labels = {
    title: t => t.length ? `${state.x.label} ${show(t[0].parsed.x)}` +
      (state.smooth ? ', smoothed' : '') : '',
    label: ({dataset: {label, curve}, dataIndex: i, parsed}) => ` ${label}  ${show(parsed.y)}` +
      (curve.lower ? `  (${show(curve.lower[i])} to ${show(curve.upper[i])})` : ''),
  };
  const draw = () => {
    const {sets, last} = linesOf(data, state), [from, to] = state.zoom ?? [undefined, last];
    const seen = sets.flatMap(s => s.data).filter(p => !(p.x < from || p.x > to) && p.y > 0);
    const y = state.log
      ? axis(data.axis, {type: 'logarithmic', min: below(Math.min(...seen.map(p => p.y)))},
        {callback: logLabel})
      : axis(data.axis, {type: 'linear'});
    chart.data.datasets = sets;
    chart.options = {parsing: false, normalized: true,
      interaction: {mode: 'nearestOfEach', intersect: false},
      scales: {x: axis(state.x.label, {type: 'linear', min: from, max: to}), y},
      plugins: {legend: {display: false}, tooltip: tooltip(labels)}};
    chart.update('none');
    whole.hidden = !state.zoom;
    legend.querySelectorAll('i').forEach((mark, i) => {
      mark.style.background = i < all.length ? colour(i) : css('--soft');
    });
  };

  /* The controls above and the legend below. */
  const tools = add(figure, 'div', '', {className: 'tools'});
  const legend = add(figure, 'div', '', {className: 'legend'});
  canvas.parentNode.before(tools);
  canvas.parentNode.after(legend);
  const button = (parent, text, pressed, act) => {
    const b = add(parent, 'button', text, {type: 'button'});
    b.setAttribute('aria-pressed', pressed);
    b.onclick = () => { b.setAttribute('aria-pressed', act()); draw(); };
    return b;
  };
  const group = add(tools, 'span', '', {className: 'group', hidden: axes.length < 2});
  for (const x of axes) {
    button(group, x.name, x === state.x, () => {
      for (const other of group.children) other.setAttribute('aria-pressed', false);
      state.zoom = null;
      return !!(state.x = x);
    });
  }
  if (positive) button(tools, 'log axis', state.log, () => state.log = !state.log);
  add(add(tools, 'label', 'smoothing'), 'input', '', {type: 'range', min: 0, max: .98, step: .02,
    value: state.smooth, oninput() { state.smooth = +this.value; draw(); }});
  const unzoom = () => { state.zoom = null; draw(); };
  const whole = add(tools, 'button', 'whole curve', {type: 'button', onclick: unzoom});
  all.forEach((c, i) => button(legend, c.name, true, () => {
    if (!state.hidden.delete(i)) state.hidden.add(i);
    return !state.hidden.has(i);
  }).prepend(document.createElement('i')));
  if (data.floor) {
    add(legend, 'span', data.floor[1], {className: 'floor'}).prepend(document.createElement('i'));
  }

  /* Dragging along the axis zooms. On touch a vertical stroke still scrolls (touch-action). */
  const at = e => Math.max(chart.chartArea.left, Math.min(chart.chartArea.right,
    e.clientX - canvas.getBoundingClientRect().left));
  canvas.onpointerdown = e => {
    if (e.button) return;
    chart.drag = [at(e), at(e)];
    canvas.setPointerCapture(e.pointerId);
  };
  canvas.onpointermove = e => { if (chart.drag) { chart.drag[1] = at(e); chart.draw(); } };
  canvas.onpointercancel = () => { chart.drag = null; chart.draw(); };
  canvas.onpointerup = () => {
    const [from, to] = chart.drag?.sort((a, b) => a - b) ?? [0, 0];
    chart.drag = null;
    if (to - from > 8) state.zoom = [from, to].map(p => chart.scales.x.getValueForPixel(p));
    draw();
  };
  canvas.ondblclick = unzoom;
  return draw;
}

/* ---- intervals of claims ---- */

/* Long names break into lines of about so many letters. */
const wrap = (text, width) => text.split(' ').reduce((lines, word) => {
  const longer = lines.length ? lines.at(-1) + ' ' + word : word;
  return longer.length <= width || !lines.length ? [...lines.slice(0, -1), longer]
    : [...lines, word];
}, []);

function intervals(figure, canvas, data) {
  const claims = data.claims, column = k => claims.map(c => c[k]);
  canvas.parentNode.style.height = 90 + 52 * claims.length + 'px';
  const chart = new Chart(canvas, {type: 'bar', data: {labels: [], datasets: []}});
  const labels = {
    title: t => t.length ? claims[t[0].dataIndex][0] : '',
    label: ({raw, dataset: {label}}) =>
      ` ${label}  ` + (raw?.map ? raw.map(show).join(' to ') : show(raw)),
  };
  const key = (text, pointStyle, fill, stroke, datasetIndex) => ({text: '\u2002' + text,
    pointStyle, datasetIndex, fillStyle: css(fill), strokeStyle: css(stroke), lineWidth: 2,
    fontColor: css('--ink')});

  return () => {
    const colours = claims.map(c => css('--' + c[5])), mark = {type: 'line', showLine: false};
    chart.data.labels = claims.map(c => wrap(c[0], figure.clientWidth < 520 ? 14 : 28));
    chart.data.datasets = [
      {...mark, label: 'published', data: column(1), pointStyle: 'rectRot', pointRadius: 7,
        pointHoverRadius: 8, pointBorderWidth: 2, borderColor: css('--ink'),
        pointBackgroundColor: css('--card')},
      {...mark, label: 'measured', data: column(2), pointRadius: 5, pointHoverRadius: 6,
        pointBorderWidth: 1.5, borderColor: css('--card'), pointBackgroundColor: colours},
      {label: 'interval', data: claims.map(c => c.includes(null, 3) ? null : [c[3], c[4]]),
        backgroundColor: colours.map(c => c + '59'), barThickness: 14, borderRadius: 5,
        borderSkipped: false},
    ];
    chart.options = {indexAxis: 'y', interaction: {mode: 'index', axis: 'y', intersect: false},
      scales: {x: axis(data.axis, {grace: '8%'}),
        y: axis('', {grid: {display: false}, offset: true},
          {color: css('--ink'), autoSkip: false})},
      plugins: {tooltip: tooltip(labels), legend: {onClick() {}, labels: {usePointStyle: true,
        boxHeight: 8, boxWidth: 8, padding: 16, generateLabels: () => [
          key('published', 'rectRot', '--card', '--ink', 0),
          key('measured, with its interval', 'circle', '--open', '--open', 1)]}}}};
    chart.update('none');
  };
}

/* ---- points in a plane ---- */

function plane(figure, canvas, data) {
  const names = [...new Set(data.spots.map(s => s[1]))];
  const series = names.map(name => data.spots.filter(s => s[1] === name));
  const named = names.length > 1 && names.length < 9; /* by the legend */
  /* Errors as whiskers below the points, and beside each point what the legend does not say. */
  const marks = {id: 'marks', beforeDatasetsDraw({ctx, scales: {x, y}}) {
    if (!x) return; /* the empty chart that Chart.js draws first */
    ctx.save();
    series.forEach((spots, i) => spots.forEach(([name, , px, py, error]) => {
      const at = x.getPixelForValue(px);
      if (error !== null) {
        ctx.fillStyle = colour(i) + '80';
        const top = y.getPixelForValue(py + error), bottom = y.getPixelForValue(py - error);
        ctx.fillRect(at - 1, top, 2, bottom - top);
      }
      if (named && name === names[i]) return;
      ctx.fillStyle = css('--ink');
      ctx.font = '12px ' + Chart.defaults.font.family;
      const left = at > (x.left + x.right) / 2;
      ctx.textAlign = left ? 'right' : 'left';
      ctx.fillText(name, at + (left ? -9 : 9), y.getPixelForValue(py) - 7);
    }));
    ctx.restore();
  }};
  const chart = new Chart(canvas, {type: 'scatter', data: {datasets: []}, plugins: [marks]});
  const labels = {label: ({dataset: {label}, raw: {name, x, y}}) =>
    ` ${label === name ? '' : label + ' '}${name}: ${show(x)}, ${show(y)}`};
  return () => {
    chart.data.datasets = series.map((spots, i) => ({label: names[i],
      data: spots.map(([name, , x, y]) => ({name, x, y})), showLine: spots.length > 1,
      borderColor: colour(i), backgroundColor: colour(i), borderWidth: 1.5, pointRadius: 5,
      pointHoverRadius: 6}));
    chart.options = {interaction: {mode: 'nearest', intersect: false},
      scales: {x: axis(data.x, {type: 'linear', grace: '12%'}),
        y: axis(data.y, {beginAtZero: true, grace: '12%'})},
      plugins: {tooltip: tooltip(labels), legend: {display: named,
        labels: {usePointStyle: true, boxWidth: 8, boxHeight: 8, color: css('--ink')}}}};
    chart.update('none');
  };
}

/* ---- all of them ---- */

const draws = [...document.querySelectorAll('figure.chart')].map(figure =>
  ({curves, intervals, plane})[figure.dataset.kind](figure, figure.querySelector('canvas'),
    JSON.parse(figure.querySelector('script').textContent)));
const draw = () => draws.forEach(one => one());
draw();
matchMedia('screen and (prefers-color-scheme: dark)').addEventListener('change', draw);
addEventListener('beforeprint', draw);
})();

// The catalog as a page that works from a file: all that is known is in catalog.js. Texts are other
// people's and only ever become text nodes.
'use strict';
(function () {
  const products = window.CATALOG.products;
  const main = document.getElementById('main');
  const input = document.getElementById('words');

  // An element: el('a', {href: ..}, 'text', child, ..). Nothing is ever parsed as HTML.
  function el(name, attributes, ...children) {
    const node = name.startsWith('svg:')
      ? document.createElementNS('http://www.w3.org/2000/svg', name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== '') node.append(child);
    return node;
  }

  // ---- searching: the same rules as `weir catalog`

  const has = (text, word) => typeof text === 'string' && text.toLowerCase().includes(word);
  const fields = p => p.contracts.flatMap(c => c.fields || []);

  function hasWord(p, word) {
    return ['id', 'name', 'domain', 'tenant', 'purpose', 'usage', 'limitations', 'owner'].some(key => has(p[key], word))
      || p.tags.some(tag => has(tag, word))
      || p.ports.some(port => has(port.name, word) || has(port.topic, word))
      || fields(p).some(f => has(f.name, word) || has(f.description, word) || has(f.unit, word));
  }

  const asked = {
    domain: (p, v) => has(p.domain, v) && (p.domain.toLowerCase() + '.').startsWith(v + '.'),
    tag: (p, v) => p.tags.some(tag => tag.toLowerCase() === v),
    field: (p, v) => fields(p).some(f => has(f.name, v) && f.name.toLowerCase() === v),
    unit: (p, v, exact) => fields(p).some(f => f.unit === exact),
    status: (p, v) => p.status_of_levels === v,
  };

  function matches(p, text) {
    return text.split(/\s+/).filter(Boolean).every(part => {
      const [key, ...rest] = part.split(':');
      const value = rest.join(':');
      return value !== '' && asked[key] ? asked[key](p, value.toLowerCase(), value) : hasWord(p, part.toLowerCase());
    });
  }

  // ---- parts

  const chip = (text, kind) => el('li', {class: 'chip ' + (kind || '')}, text);
  const signs = {trusted: 'pass', signed: 'unknown', unsigned: 'warn'};

  function signed(signature) {
    const s = signature || {state: 'unsigned'};
    const words = {trusted: 'signed by ' + s.signer, signed: 'signed by ' + s.signer + ', not checked', unsigned: 'unsigned'};
    const node = chip(words[s.state] || s.state + ' signature', signs[s.state] || 'fail');
    if (s.sentence) node.setAttribute('title', s.sentence);
    return node;
  }

  const link = p => '#/product/' + encodeURIComponent(p.id);
  const time = ms => new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z');

  function table(heads, rows) {
    return el('div', {class: 'scroll'}, el('table', {},
      el('thead', {}, el('tr', {}, heads.map(h => el('th', {scope: 'col'}, h)))),
      el('tbody', {}, rows.map(row => el('tr', {}, row.map(cell => el('td', {}, cell)))))));
  }

  const threshold = level => Object.values(level.threshold || {}).find(v => typeof v === 'number');

  function plot(level) {
    const points = level.history || [];
    if (points.length < 2) return el('p', {class: 'soft'}, 'no history yet');
    const limit = threshold(level);
    const values = points.map(p => p[1]).concat(limit === undefined ? [] : [limit]);
    const low = Math.min(...values), high = Math.max(...values);
    const from = points[0][0], to = points[points.length - 1][0];
    const x = t => 2 + 296 * (to === from ? 0.5 : (t - from) / (to - from));
    const y = v => 4 + 64 * (high === low ? 0.5 : (high - v) / (high - low));
    return el('svg:svg', {viewBox: '0 0 300 72', preserveAspectRatio: 'none', role: 'img',
        'aria-label': `${level.name} of ${level.gateway}, ${low} to ${high}, ${time(from)} to ${time(to)}`},
      limit === undefined ? null : el('svg:line', {class: 'limit', x1: 0, x2: 300, y1: y(limit), y2: y(limit)}),
      el('svg:polyline', {class: 'line', points: points.map(p => x(p[0]).toFixed(1) + ',' + y(p[1]).toFixed(1)).join(' ')}));
  }

  const number = v => typeof v === 'number' ? String(Math.round(v * 1000) / 1000) : '—';

  const operators = {mustBe: '=', mustNotBe: '≠', mustBeGreaterThan: '>', mustBeGreaterOrEqualTo: '≥', mustBeLessThan: '<',
    mustBeLessOrEqualTo: '≤', mustBeBetween: 'between', mustNotBeBetween: 'not between'};

  function levelCard(level) {
    const limit = Object.entries(level.threshold || {}).map(([k, v]) => (operators[k] || k) + ' ' + v).join(', ');
    return el('div', {class: 'card level'},
      el('div', {}, level.name, el('span', {class: 'soft'}, ' · ' + level.gateway)),
      el('div', {class: 'value ' + (level.status || 'unknown')}, number(level.value), ' ', el('small', {}, level.unit || ''),
        ' ', el('small', {}, level.status || 'unknown')),
      plot(level),
      el('div', {class: 'soft'}, limit ? `promised ${limit} · ` : '', level.at ? time(level.at) : ''));
  }

  // ---- pages

  function list() {
    const found = products.filter(p => matches(p, input.value));
    main.replaceChildren(
      el('p', {class: 'soft', id: 'count'}, `${found.length} of ${products.length} products`),
      ...found.map(p => el('article', {class: 'card'},
        el('h2', {}, el('a', {href: link(p)}, p.name || p.id), ' ', el('small', {class: 'soft'}, p.domain || 'no domain')),
        el('p', {}, p.purpose || ''),
        el('p', {class: 'soft'}, 'owner ', p.owner || 'unknown', ` · ${p.gateways.length} gateway${p.gateways.length === 1 ? '' : 's'}`),
        el('ul', {class: 'chips'}, chip('levels: ' + p.status_of_levels, p.status_of_levels),
          chip(p.status || 'no status', p.status === 'active' ? '' : 'warn'), signed(p.signature), p.tags.map(tag => chip(tag))))));
  }

  function contract(c) {
    if (!c.found) return el('p', {class: 'fail'}, `${c.id}/${c.version} is not on mesh.contracts`);
    return [
      el('ul', {class: 'chips'}, chip(`${c.id}/${c.version}`), chip(c.status || ''), signed(c.signature)),
      table(['field', 'type', 'unit', 'what it is'], c.fields.map(f => [
        el('code', {}, f.name || '?'), (f.type || '') + (f.required ? '' : ', optional'), f.unit || '', f.description || ''])),
      c.promises.length === 0 ? null : [el('h3', {}, 'Promised'),
        table(['what', 'value', 'of'], c.promises.map(s => [s.name || '', `${s.value ?? ''} ${s.unit || ''}`, s.element || '']))],
    ].flat();
  }

  function product(p) {
    const text = (head, body) => body ? [el('h3', {}, head), el('p', {}, body)] : [];
    main.replaceChildren(
      el('p', {}, el('a', {href: '#/'}, '← all products')),
      el('h2', {}, p.name || p.id),
      el('p', {class: 'soft'}, [p.tenant, p.domain].filter(Boolean).join(' / '), ` · version ${p.version || '?'} · ${p.id}`),
      el('ul', {class: 'chips'}, chip('levels: ' + p.status_of_levels, p.status_of_levels), chip(p.status || 'no status'),
        signed(p.signature), p.end_of_support ? chip('support ends ' + p.end_of_support, 'warn') : null, p.tags.map(tag => chip(tag))),
      ...text('Purpose', p.purpose), ...text('Usage', p.usage), ...text('Limitations', p.limitations),
      el('h3', {}, 'Owner'),
      el('p', {}, p.owner || 'unknown', ...p.support.map(url => [' · ',
        /^(https?|mailto):/i.test(url) ? el('a', {href: url}, url) : url]).flat()),
      el('h3', {}, 'Ports'),
      table(['port', 'topic', 'written as', 'contract'], p.ports.map(o => [o.name || '', el('code', {}, o.topic || ''),
        [o.format, o.layout].filter(Boolean).join(', '), `${o.contract || ''}/${o.version || ''}`])),
      ...p.contracts.map(c => el('section', {}, el('h3', {}, 'Contract'), contract(c))),
      ...(p.inputs.length === 0 ? [] : [el('h3', {}, 'Made of'),
        el('ul', {}, p.inputs.map(i => el('li', {}, `${i.id}/${i.version}`)))]),
      el('h3', {}, 'Service levels'),
      p.levels.length === 0 ? el('p', {class: 'soft'}, 'nothing measured yet')
        : el('div', {class: 'levels'}, p.levels.map(levelCard)),
      el('h3', {}, 'Gateways'),
      p.gateways.length === 0 ? el('p', {class: 'soft'}, 'none yet')
        : table(['gateway', 'runs contract', 'agent', 'told'], p.gateways.map(g => [g.name,
          `${g.contract || '?'}/${g.version || '?'}`, g.agent || '', (g.at > 0 ? time(g.at) : '') + (g.silent ? ' · silent' : '')])),
      el('h3', {}, 'Documents'),
      el('details', {}, el('summary', {}, 'product (ODPS)'), el('pre', {}, JSON.stringify(p.documents.product, null, 2))),
      ...p.documents.contracts.map(d => el('details', {}, el('summary', {}, 'contract (ODCS)'), el('pre', {}, JSON.stringify(d, null, 2)))));
    window.scrollTo(0, 0);
  }

  // #/product/ID is one product, #/search/WORDS what is found: both can be sent to a colleague.
  function route() {
    const [, kind, rest] = /^#\/(product|search)\/(.+)$/.exec(location.hash) || [];
    const found = kind === 'product' && products.find(p => p.id === decodeURIComponent(rest));
    if (found) return product(found);
    input.value = kind === 'search' ? decodeURIComponent(rest) : '';
    list();
  }

  function search() {
    history.replaceState(null, '', input.value ? '#/search/' + encodeURIComponent(input.value) : '#/');
    list();
  }

  document.getElementById('search').addEventListener('submit', event => event.preventDefault());
  input.addEventListener('input', search);
  window.addEventListener('hashchange', route);
  document.getElementById('footer').textContent =
    `Made ${time(window.CATALOG.made)} from the mesh topics of cluster ${window.CATALOG.cluster || 'unknown'}.`;
  route();
})();

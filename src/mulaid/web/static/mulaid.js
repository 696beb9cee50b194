// Small helpers. Every page works without this file; no inline code, no eval.
(function () {
  'use strict';
  var d = document;
  d.documentElement.classList.add('js');
  // A code that has run out must not look as if it could be scanned.
  function age() {
    var box = d.getElementById('qr');
    if (!box || !box.dataset.until) return;
    var left = Date.parse(box.dataset.until) - Date.now();
    if (left <= 0) box.classList.add('old');
  }
  setInterval(age, 1000);
  // Coming back with the back button shows a page out of memory: a code on it is old.
  addEventListener('pageshow', function (ev) { if (ev.persisted && d.getElementById('qr')) location.reload(); });
  function tip(ev) {
    var g = ev.target.closest && ev.target.closest('[data-tip]'), t = d.getElementById('tip');
    if (!t || !g) return;
    d.querySelectorAll('.col.on').forEach(function (x) { x.classList.remove('on'); });
    g.classList.add('on'); t.textContent = g.getAttribute('data-tip'); t.hidden = false;
  }
  d.addEventListener('click', tip);
  d.addEventListener('pointermove', function (ev) { if (ev.pointerType === 'mouse') tip(ev); });
  d.addEventListener('click', function (ev) { if (ev.target.closest && ev.target.closest('[data-print]')) print(); });
  // The page before a face check: what the provider's script says of this browser goes along; without it the button asks.
  var face = d.getElementById('face_begin');
  if (face && typeof window.getMetaInfo === 'function') {
    try {
      face.elements.client_meta.value = JSON.stringify(window.getMetaInfo());
      face.submit();
    } catch (trouble) { face.elements.client_meta.value = ''; }
  }
  d.addEventListener('submit', function (ev) {
    if (ev.target.dataset.sent) ev.preventDefault();
    ev.target.dataset.sent = '1';
    setTimeout(function () { delete ev.target.dataset.sent; }, 4000);
  });
})();

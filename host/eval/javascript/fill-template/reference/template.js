const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const PLACE = /\{\{\{\s*([\w.]+)\s*\}\}\}|\{\{\s*([\w.]+)\s*\}\}/g;

const look = (values, path) =>
  path.split('.').reduce((value, key) => (value != null && Object.hasOwn(Object(value), key) ? value[key] : null), values);

exports.fill = (template, values) =>
  template.replace(PLACE, (_, raw, escaped) => {
    const value = look(values, raw ?? escaped);
    const text = value == null ? '' : String(value);
    return raw ? text : text.replace(/[&<>"']/g, (c) => ESCAPES[c]);
  });

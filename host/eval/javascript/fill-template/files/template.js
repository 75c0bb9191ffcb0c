exports.fill = (template, values) => template;

// Amounts are whole cents.
exports.parse = (text) => parseFloat(text) * 100;

exports.format = (cents) => cents / 100 + ' €';

exports.split = (cents, people) => Array(people).fill(cents / people);

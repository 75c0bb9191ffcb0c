// Amounts are whole cents.
exports.parse = (text) => Math.round(parseFloat(text) * 100);

exports.format = (cents) => (cents / 100).toFixed(2) + ' €';

exports.split = (cents, people) => {
  const share = Math.floor(cents / people);
  const rest = cents - share * people;
  return Array.from({ length: people }, (_, index) => share + (index < rest ? 1 : 0));
};

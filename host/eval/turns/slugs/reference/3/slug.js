const slug = (title) =>
  title
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const unique = (titles) => {
  const counts = new Map();
  return titles.map((title) => {
    const plain = slug(title) || 'untitled';
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    return count === 1 ? plain : `${plain}-${count}`;
  });
};

module.exports = { slug, unique };

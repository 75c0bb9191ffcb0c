exports.mapLimit = (items, limit, work) =>
  new Promise((resolve, reject) => {
    const results = [];
    items.forEach((item) => {
      work(item).then((result) => {
        results.push(result);
        if (results.length === items.length) resolve(results);
      });
    });
  });

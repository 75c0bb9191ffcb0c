-- The graph of one project. A database with another text of this is made anew.
-- `root` is where the project is; null where the path is no text.
CREATE TABLE project (root TEXT);
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    digest BLOB NOT NULL,
    family INTEGER NOT NULL,
    state INTEGER NOT NULL
);
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
CREATE TABLE definitions (
    file INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    parent INTEGER,
    scope TEXT,
    line INTEGER NOT NULL,
    last INTEGER NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (file, place)
) WITHOUT ROWID;
CREATE INDEX definitions_by_name ON definitions (name);
-- `within` is the place of a definition of the same file, or -1; `lines` are four bytes each, the lowest first.
CREATE TABLE uses (
    file INTEGER NOT NULL,
    within INTEGER NOT NULL,
    name INTEGER NOT NULL,
    mention INTEGER NOT NULL,
    count INTEGER NOT NULL,
    lines BLOB NOT NULL,
    PRIMARY KEY (file, within, name, mention)
) WITHOUT ROWID;
CREATE INDEX uses_by_name ON uses (name, mention);
CREATE TABLE imports (
    file INTEGER NOT NULL,
    place INTEGER NOT NULL,
    line INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (file, place)
) WITHOUT ROWID;

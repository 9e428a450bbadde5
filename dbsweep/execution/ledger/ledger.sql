-- The ledger of one run. Records are JSON; columns beside them are what is looked up by.
CREATE TABLE run (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    name TEXT NOT NULL,
    experiment TEXT NOT NULL,
    plan TEXT NOT NULL,
    started REAL NOT NULL,
    finished REAL,
    choice TEXT,
    base_sha256 TEXT
);
CREATE TABLE trials (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    verdict TEXT
);
CREATE TABLE branches (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    last_step INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    host TEXT,
    pid INTEGER
);
CREATE TABLE checkpoints (
    id TEXT PRIMARY KEY,
    branch TEXT NOT NULL,
    step INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    log TEXT NOT NULL,
    verdict TEXT
);
CREATE INDEX checkpoints_of_branch ON checkpoints (branch, step);
CREATE TABLE scorecards (
    checkpoint TEXT PRIMARY KEY,
    scorecard TEXT NOT NULL
);
-- What the race of the sweep's end has measured on more images.
CREATE TABLE further_scorecards (
    checkpoint TEXT NOT NULL,
    images_per_prompt INTEGER NOT NULL,
    scorecard TEXT NOT NULL,
    PRIMARY KEY (checkpoint, images_per_prompt)
);
-- What the person chose instead; the latest counts.
CREATE TABLE overrules (
    position INTEGER PRIMARY KEY,
    overrule TEXT NOT NULL
);
CREATE TABLE grids (
    position INTEGER PRIMARY KEY,
    grid TEXT NOT NULL
);

-- What Yunti keeps. Times are milliseconds since the Unix epoch, UTC. Ids are the texts the API shows.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cameras (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    location   TEXT NOT NULL,             -- the address without user and password
    user       TEXT,
    password   TEXT,
    pipeline   TEXT NOT NULL,
    site       TEXT,
    transport  TEXT NOT NULL,
    zone       TEXT,                      -- JSON [[x, y], …]
    devices    TEXT NOT NULL,             -- JSON [device id, …]
    schedule   TEXT,                      -- JSON
    overrides  TEXT NOT NULL,             -- JSON
    decode     TEXT,
    enabled    INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    control    TEXT NOT NULL,
    site       TEXT,
    token_hash BLOB NOT NULL,             -- SHA-256 of a 256-bit random secret
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       BLOB NOT NULL,             -- SHA-256 of a 256-bit random secret
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used  INTEGER
) STRICT;

CREATE TABLE alarms (
    id         TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    camera     TEXT,
    raised_at  INTEGER NOT NULL,
    closed     INTEGER NOT NULL,
    body       TEXT NOT NULL              -- JSON, the whole alarm with its timeline
) STRICT;
CREATE INDEX alarms_newest ON alarms (raised_at DESC, id DESC);
CREATE INDEX alarms_of_camera ON alarms (camera, raised_at DESC, id DESC);
CREATE INDEX alarms_open ON alarms (raised_at) WHERE closed = 0;

CREATE TABLE orders (
    key    TEXT PRIMARY KEY,
    epoch  INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    device TEXT NOT NULL,
    alarm  TEXT,
    verb   TEXT NOT NULL,
    state  TEXT NOT NULL,
    cause  TEXT,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_of_alarm ON orders (alarm, epoch, seq);
CREATE INDEX orders_by_age ON orders (at);

-- AUTOINCREMENT: a place in the order of events is never given twice, also after pruning.
CREATE TABLE events (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    camera TEXT,
    device TEXT,
    alarm  TEXT,
    data   TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_age ON events (at);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    act     TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_age ON audit (at);

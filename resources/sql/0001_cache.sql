-- What can be made again. The file may be deleted at any time.

CREATE TABLE responses (
    key BLOB PRIMARY KEY,         -- hash of model, settings and prompt
    answer TEXT NOT NULL,
    created_ms INTEGER NOT NULL,  -- entries older than a day are not used
    used_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX responses_by_age ON responses (created_ms);

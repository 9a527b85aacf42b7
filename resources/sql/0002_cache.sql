-- The response cache (app/history/response_cache): answers that can be given again. The file may be
-- deleted at any time, so the older table goes without being copied.

DROP TABLE responses;
CREATE TABLE answers (
    key BLOB PRIMARY KEY,            -- SHA-256 over model, template, conversation, settings, client
    model TEXT NOT NULL,             -- content hash of its file
    bytes INTEGER NOT NULL,          -- of the answer
    hits INTEGER NOT NULL DEFAULT 0, -- how often it was given again
    created_ms INTEGER NOT NULL,     -- entries older than a day are not used
    used_ms INTEGER NOT NULL,
    answer TEXT NOT NULL             -- JSON
);
CREATE INDEX answers_by_age ON answers (created_ms);
CREATE INDEX answers_by_use ON answers (used_ms, bytes); -- the sum of bytes is read from here
CREATE INDEX answers_by_hits ON answers (model, hits);

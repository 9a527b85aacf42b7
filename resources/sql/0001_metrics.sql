-- Minute averages for the 30-day views. The file may be deleted at any time.

CREATE TABLE minutes (
    metric TEXT NOT NULL,
    minute INTEGER NOT NULL,  -- minutes since 1970 (UTC)
    value REAL NOT NULL,      -- an absent sample has no row
    PRIMARY KEY (metric, minute)
) WITHOUT ROWID;

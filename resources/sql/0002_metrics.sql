-- Hour averages for two years, made of the minutes before those go after 30 days.

CREATE TABLE hours (
    metric TEXT NOT NULL,
    hour INTEGER NOT NULL,  -- hours since 1970 (UTC)
    value REAL NOT NULL,
    PRIMARY KEY (metric, hour)
) WITHOUT ROWID;

CREATE INDEX minutes_by_time ON minutes (minute);
CREATE INDEX hours_by_time ON hours (hour);

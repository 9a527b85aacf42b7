-- Marks on the charts (a model was loaded, a breaker opened), as long as the minutes beside them.

CREATE TABLE events (
    time_ms INTEGER NOT NULL, -- since 1970 (UTC)
    kind INTEGER NOT NULL,    -- app::MetricEventKind
    what TEXT NOT NULL        -- the model, the rule
);
CREATE INDEX events_by_time ON events (time_ms);

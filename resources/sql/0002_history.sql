-- Runs of agents: a task that several agents answer at the same time. Each answer is a conversation
-- of its own, a lane, which the list of chats does not show.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    task TEXT NOT NULL,
    material TEXT NOT NULL,
    closing TEXT NOT NULL, -- JSON of the agent that receives all answers, '': none
    created_ms INTEGER NOT NULL,
    trashed_ms INTEGER
);
CREATE TABLE lanes (
    conversation INTEGER PRIMARY KEY REFERENCES conversations (id) ON DELETE CASCADE,
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    agent TEXT NOT NULL -- JSON of the one who answers
);
CREATE INDEX lanes_by_run ON lanes (run);

-- Conversations, and messages as a tree: an edit or another answer is a sibling, nothing is erased.
-- Times are milliseconds since 1970 (UTC); order comes from ids, never from the clock.

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    trashed_ms INTEGER,             -- NULL: not in the trash
    leaf INTEGER NOT NULL DEFAULT 0 -- last message of the branch that is shown
);
CREATE INDEX conversations_by_change ON conversations (trashed_ms, updated_ms);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent INTEGER NOT NULL,          -- 0: a first message
    role INTEGER NOT NULL,            -- app::Role
    state INTEGER NOT NULL,           -- app::MessageState
    text TEXT NOT NULL,
    reasoning TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    stop_reason INTEGER NOT NULL DEFAULT 0, -- app::StopReason
    stop_string TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',         -- JSON: name, hash, weights, activations, kv, device
    sampling TEXT NOT NULL DEFAULT '',      -- JSON: temperature, top_p, ..., seed
    prompt_tokens INTEGER,                  -- NULL from here on: not known
    cached_tokens INTEGER,
    generated_tokens INTEGER,
    reasoning_tokens INTEGER,
    queue_wait_us INTEGER,
    ttft_us INTEGER,
    reasoning_us INTEGER,
    decode_us INTEGER
);
CREATE INDEX messages_by_conversation ON messages (conversation, id);
CREATE INDEX messages_by_state ON messages (state) WHERE state <> 0;

-- Text of an answer that still streams, a row a second; joined into its message when it ends. So a
-- long answer is not written again every second.
CREATE TABLE message_parts (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    reasoning TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX message_parts_by_message ON message_parts (message, id);

-- The search index holds no copy of the text (content=''); what it was given is made again from the
-- message (app/history/search_text) when an entry has to go. rowid = messages.id.
CREATE VIRTUAL TABLE message_search USING fts5 (
    body, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
);

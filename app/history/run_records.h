#pragma once
// RunRecords: runs of agents as plain values. A run is a task that several agents answered; every
// lane of it is a conversation, and agents themselves are JSON that app/agents understands.

#include "app/history/records.h"

namespace app {

using RunId = qint64; ///< 0 = none

/// One agent's conversation in a run, with the end of its last answer.
struct StoredLane {
    ConversationId conversation = 0;
    QString agent; // JSON
    MessageState state = MessageState::Done;
    StopReason stopReason = StopReason::None;
    int generatedTokens = 0;
};

struct StoredRun {
    RunId id = 0; // 0: it is not there
    QString title;
    QString task;
    QString material;
    QString closing; // JSON of the agent that receives all answers; empty: none
    QDateTime created;
    QList<StoredLane> lanes; // in the order they were asked; empty in a list of runs
};

} // namespace app

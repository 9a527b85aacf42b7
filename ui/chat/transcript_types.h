#pragma once
// What the transcript shows, as plain values: it knows neither sessions nor engines.

#include <QString>
#include <QStringList>

namespace ui {

enum class MessageRole { User, Assistant, System };

struct TranscriptMessage {
    QString id; // unique in the transcript, never shown
    MessageRole role = MessageRole::User;
    QString author; // "You", "R1-Distill-Qwen-7B · INT8"
    QString text;   // Markdown
    QString reasoning;
    double reasoningSeconds = 0;
    int reasoningTokens = 0;
    bool running = false;
    QString stats;            // "128 tok/s"
    bool hasTimes = false;    // its figures can be opened
    QStringList notes;        // chips beside the author: "from the cache", what was left out
    bool isFromCache = false; // to be computed anew, not only otherwise
    bool canContinue = false; // the answer was cut and can go on
    int siblingIndex = 0;     // of siblingCount, from 0
    int siblingCount = 1;
    QString error; // one sentence, empty when all is well
};

} // namespace ui

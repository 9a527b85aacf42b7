#pragma once
// AnswerKeeper: brings a streaming answer to disk, at least once a second while text arrives, and
// whole when it ends. What cannot be written (full disk) is kept and tried again. GUI thread.

#include "app/history/records.h"

#include <QHash>
#include <QObject>
#include <QTimer>

namespace app {

class History;

class AnswerKeeper : public QObject {
    Q_OBJECT

  public:
    static constexpr int kInterval_ms =
        250; ///< of text in memory only; a busy disk may take long to commit
    static constexpr int kRetry_ms = 1000;

    explicit AnswerKeeper(History& history, QObject* parent = nullptr);

    void begin(MessageId answer);
    void append(const QString& reasoning, const QString& text);
    /// The whole answer; parts that are not written yet are part of it.
    void finish(const Message& answer);
    /// Everything that ended is on disk.
    bool isSettled() const { return m_finished.isEmpty(); }

  private:
    void writePart();
    void writeFinished(MessageId answer);

    History& m_history;
    QTimer m_timer;
    MessageId m_answer = 0;
    QString m_reasoning; // not on disk yet
    QString m_text;
    bool m_writing = false;
    QHash<MessageId, Message> m_finished; // not on disk yet
};

} // namespace app

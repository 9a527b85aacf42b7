#include "app/session/answer_keeper.h"

#include "app/history/history.h"

namespace app {

AnswerKeeper::AnswerKeeper(History& history, QObject* parent)
    : QObject(parent), m_history(history) {
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &AnswerKeeper::writePart);
}

void AnswerKeeper::begin(MessageId answer) {
    m_answer = answer;
    m_reasoning.clear();
    m_text.clear();
}

void AnswerKeeper::append(const QString& reasoning, const QString& text) {
    m_reasoning += reasoning;
    m_text += text;
    if (!m_timer.isActive() && !m_writing)
        m_timer.start(kInterval_ms);
}

void AnswerKeeper::writePart() {
    if (m_answer == 0 || (m_reasoning.isEmpty() && m_text.isEmpty()))
        return;
    m_writing = true;
    const MessageId answer = m_answer;
    const QString reasoning = std::exchange(m_reasoning, {});
    const QString text = std::exchange(m_text, {});
    m_history.commit([=](HistoryWriter& writer) { writer.appendPart(answer, reasoning, text); },
                     this,
                     [=, this](const engine::Status& status) {
                         m_writing = false;
                         if (m_answer != answer)
                             return; // it has ended meanwhile, and its end holds all of it
                         if (!status.ok()) {
                             m_reasoning.prepend(reasoning);
                             m_text.prepend(text);
                         }
                         if (!m_reasoning.isEmpty() || !m_text.isEmpty())
                             m_timer.start(status.ok() ? kInterval_ms : kRetry_ms);
                     });
}

void AnswerKeeper::finish(const Message& answer) {
    m_timer.stop();
    m_answer = 0;
    m_reasoning.clear();
    m_text.clear();
    m_finished.insert(answer.id, answer);
    writeFinished(answer.id);
}

void AnswerKeeper::writeFinished(MessageId answer) {
    const auto it = m_finished.constFind(answer);
    if (it == m_finished.constEnd())
        return;
    m_history.commit([message = *it](HistoryWriter& writer) { writer.finishAnswer(message); }, this,
                     [this, answer](const engine::Status& status) {
                         if (status.ok())
                             m_finished.remove(answer);
                         else
                             QTimer::singleShot(kRetry_ms, this,
                                                [this, answer] { writeFinished(answer); });
                     });
}

} // namespace app

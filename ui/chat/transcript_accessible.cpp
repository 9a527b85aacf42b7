#include "ui/chat/transcript_accessible.h"

#include "ui/chat/transcript.h"

#include <map>
#include <QAccessibleWidget>

namespace ui {
namespace {

/// One message. It looks its text up when asked and keeps none.
class AccessibleMessage : public QAccessibleInterface {
  public:
    AccessibleMessage(Transcript* transcript, int index)
        : m_transcript(transcript), m_index(index) {}

    bool isValid() const override { return m_transcript && m_index < m_transcript->messageCount(); }
    QObject* object() const override { return nullptr; }
    QWindow* window() const override {
        return m_transcript->window() ? m_transcript->window()->windowHandle() : nullptr;
    }
    QAccessibleInterface* childAt(int, int) const override { return nullptr; }
    QAccessibleInterface* parent() const override {
        return QAccessible::queryAccessibleInterface(m_transcript);
    }
    QAccessibleInterface* child(int) const override { return nullptr; }
    int childCount() const override { return 0; }
    int indexOfChild(const QAccessibleInterface*) const override { return -1; }
    QAccessible::Role role() const override { return QAccessible::Paragraph; }
    QRect rect() const override {
        const QRect rect = m_transcript->messageRect(m_index);
        return {m_transcript->viewport()->mapToGlobal(rect.topLeft()), rect.size()};
    }
    void setText(QAccessible::Text, const QString&) override {}
    QString text(QAccessible::Text kind) const override {
        if (!isValid())
            return {};
        if (kind == QAccessible::Name)
            return m_transcript->accessibleAuthor(m_index) + QStringLiteral(": ") +
                   m_transcript->accessibleText(m_index);
        return kind == QAccessible::Value ? m_transcript->accessibleText(m_index) : QString();
    }
    QAccessible::State state() const override {
        QAccessible::State state;
        state.readOnly = state.multiLine = state.focusable = state.selectable = true;
        state.invalid = !isValid();
        if (isValid()) {
            state.focused = m_transcript->hasFocus() && m_transcript->currentMessage() == m_index;
            state.offscreen = !rect().intersects(QRect(
                m_transcript->viewport()->mapToGlobal(QPoint()), m_transcript->viewport()->size()));
        }
        return state;
    }

  private:
    QPointer<Transcript> m_transcript;
    int m_index;
};

class AccessibleTranscript : public QAccessibleWidget {
  public:
    explicit AccessibleTranscript(Transcript* transcript)
        : QAccessibleWidget(transcript, QAccessible::List) {}
    ~AccessibleTranscript() override {
        for (const auto& [index, id] : m_children)
            QAccessible::deleteAccessibleInterface(id);
    }

    int childCount() const override {
        return transcript()->messageCount() + QAccessibleWidget::childCount();
    }
    QAccessibleInterface* child(int index) const override {
        const int messages = transcript()->messageCount();
        if (index < 0)
            return nullptr;
        if (index >= messages)
            return QAccessibleWidget::child(index - messages);
        if (const auto at = m_children.find(index); at != m_children.end())
            return QAccessible::accessibleInterface(at->second);
        auto* message = new AccessibleMessage(transcript(), index);
        m_children[index] = QAccessible::registerAccessibleInterface(message);
        return message;
    }
    int indexOfChild(const QAccessibleInterface* child) const override {
        for (const auto& [index, id] : m_children)
            if (QAccessible::accessibleInterface(id) == child)
                return index;
        const int at = QAccessibleWidget::indexOfChild(child);
        return at < 0 ? at : at + transcript()->messageCount();
    }

  private:
    Transcript* transcript() const { return static_cast<Transcript*>(widget()); }
    mutable std::map<int, QAccessible::Id> m_children; // message index -> interface
};

QAccessibleInterface* makeInterface(const QString&, QObject* object) {
    auto* transcript = qobject_cast<Transcript*>(object);
    return transcript ? new AccessibleTranscript(transcript) : nullptr;
}

} // namespace

void installTranscriptAccessibility() {
    QAccessible::installFactory(makeInterface); // Qt keeps one of a kind
}

} // namespace ui

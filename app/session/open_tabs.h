#pragma once
// OpenTabs: which chats stood open in tabs, with what was being typed in each, over a restart and
// over a change of the language. GUI thread.

#include "app/history/records.h"
#include "app/json_file.h"

#include <QTimer>

namespace app {

struct OpenTab {
    ConversationId conversation = 0; // 0 = a chat that has no message yet
    QString title;
    QString draft;            // typed and not sent
    MessageId topMessage = 0; // the first one in view; 0 = the view follows the end

    bool operator==(const OpenTab&) const = default;
};

struct OpenTabsValues {
    QList<OpenTab> tabs; // from left to right
    int current = 0;

    bool operator==(const OpenTabsValues&) const = default;
};

class OpenTabs : public QObject {
    Q_OBJECT

  public:
    static constexpr int kDelay_ms = 1000; ///< of typing that a crash may take away

    explicit OpenTabs(const QString& file, QObject* parent = nullptr);
    ~OpenTabs() override; ///< flush()

    const OpenTabsValues& values() const { return m_values; }
    /// Written a moment later, together with what follows.
    void set(const OpenTabsValues& values);
    void flush();

  private:
    void write();

    JsonFile m_file;
    OpenTabsValues m_values;
    QTimer m_delay;
};

} // namespace app

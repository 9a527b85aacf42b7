#include "app/session/open_tabs.h"

#include <QJsonArray>

namespace app {

namespace {

OpenTabsValues valuesFrom(const QJsonObject& json) {
    OpenTabsValues values;
    for (const QJsonValue& each : json.value(QLatin1String("tabs")).toArray()) {
        const QJsonObject tab = each.toObject();
        values.tabs.append({tab.value(QLatin1String("conversation")).toInteger(),
                            tab.value(QLatin1String("title")).toString(),
                            tab.value(QLatin1String("draft")).toString(),
                            tab.value(QLatin1String("top_message")).toInteger()});
    }
    values.current = json.value(QLatin1String("current")).toInt();
    return values;
}

QJsonObject jsonFrom(const OpenTabsValues& values) {
    QJsonArray tabs;
    for (const OpenTab& tab : values.tabs)
        tabs.append(QJsonObject{{QStringLiteral("conversation"), tab.conversation},
                                {QStringLiteral("title"), tab.title},
                                {QStringLiteral("draft"), tab.draft},
                                {QStringLiteral("top_message"), tab.topMessage}});
    return {{QStringLiteral("tabs"), tabs}, {QStringLiteral("current"), values.current}};
}

} // namespace

OpenTabs::OpenTabs(const QString& file, QObject* parent) : QObject(parent), m_file(file) {
    // Without the file the program starts with no tabs; the chats themselves are in the history.
    if (const engine::Result<QJsonObject> stored = m_file.read(); stored.ok())
        m_values = valuesFrom(*stored);
    m_delay.setSingleShot(true);
    connect(&m_delay, &QTimer::timeout, this, &OpenTabs::write);
}

OpenTabs::~OpenTabs() {
    flush();
}

void OpenTabs::set(const OpenTabsValues& values) {
    if (values == m_values)
        return;
    m_values = values;
    if (!m_delay.isActive())
        m_delay.start(kDelay_ms);
}

void OpenTabs::flush() {
    if (m_delay.isActive())
        write();
    m_file.flush();
}

void OpenTabs::write() {
    m_delay.stop();
    m_file.write(jsonFrom(m_values));
}

} // namespace app

#include "ui/desktop_notification.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QVariantMap>

namespace ui {

void notifyDesktop(const QString& title, const QString& text, bool isUrgent) {
    // https://specifications.freedesktop.org/notification-spec, method Notify
    const QString service = QStringLiteral("org.freedesktop.Notifications");
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected())
        return;
    QDBusMessage call =
        QDBusMessage::createMethodCall(service, QStringLiteral("/org/freedesktop/Notifications"),
                                       service, QStringLiteral("Notify"));
    constexpr uchar kNormal = 1;
    constexpr uchar kCritical = 2;
    const QVariantMap hints{
        {QStringLiteral("urgency"), QVariant::fromValue(isUrgent ? kCritical : kNormal)}};
    constexpr uint kReplacesNone = 0;
    constexpr int kServersTimeout = -1;
    call << QStringLiteral("Inglenook") << kReplacesNone << QStringLiteral("inglenook") << title
         << text.toHtmlEscaped() << QStringList() << hints << kServersTimeout;
    bus.send(call);
}

} // namespace ui

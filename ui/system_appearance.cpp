#include "ui/system_appearance.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QGuiApplication>
#include <QPalette>

namespace ui {

namespace {
const QString kService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kAppearance = QStringLiteral("org.freedesktop.appearance");
const QString kColorScheme = QStringLiteral("color-scheme");
const QString kGnome = QStringLiteral("org.gnome.desktop.interface");
const QString kAnimations = QStringLiteral("enable-animations");
} // namespace

SystemAppearance::SystemAppearance(QObject* parent) : QObject(parent) {
    // Until the portal answers, the platform theme's own palette tells.
    m_dark = QGuiApplication::palette().color(QPalette::Window).lightnessF() < 0.5F;
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected())
        return;
    bus.connect(kService, kPath, kInterface, QStringLiteral("SettingChanged"), this,
                SLOT(onSettingChanged(QString, QString, QDBusVariant)));
    ask(kAppearance, kColorScheme);
    ask(kGnome, kAnimations);
}

void SystemAppearance::ask(const QString& group, const QString& key) {
    QDBusMessage call =
        QDBusMessage::createMethodCall(kService, kPath, kInterface, QStringLiteral("Read"));
    call << group << key;
    auto* watcher =
        new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(call, 2000), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher, group, key] {
        watcher->deleteLater();
        const QDBusPendingReply<QVariant> reply = *watcher;
        if (!reply.isError())
            apply(group, key, reply.value());
    });
}

void SystemAppearance::onSettingChanged(const QString& group, const QString& key,
                                        const QDBusVariant& value) {
    apply(group, key, value.variant());
}

void SystemAppearance::apply(const QString& group, const QString& key, const QVariant& value) {
    QVariant plain = value;
    while (plain.canConvert<QDBusVariant>()) // Read() wraps its answer twice
        plain = plain.value<QDBusVariant>().variant();
    if (group == kAppearance && key == kColorScheme) {
        const uint scheme = plain.toUInt(); // 0 no preference, 1 dark, 2 light
        if (scheme != 0)
            m_dark = scheme == 1;
    } else if (group == kGnome && key == kAnimations) {
        m_reducedMotion = !plain.toBool();
    } else {
        return;
    }
    emit changed();
}

} // namespace ui

#pragma once
// What the desktop asks for: dark or light, reduced motion. Read from
// org.freedesktop.portal.Settings over D-Bus, because Qt 6.4 has no QStyleHints::colorScheme.
// Asynchronous: a missing portal costs nothing. GUI thread.

#include <QDBusVariant>
#include <QObject>

namespace ui {

class SystemAppearance : public QObject {
    Q_OBJECT

  public:
    explicit SystemAppearance(QObject* parent = nullptr);

    bool prefersDark() const { return m_dark; }
    bool reducedMotion() const { return m_reducedMotion; }

  signals:
    void changed();

  private slots:
    void onSettingChanged(const QString& group, const QString& key, const QDBusVariant& value);

  private:
    void ask(const QString& group, const QString& key);
    void apply(const QString& group, const QString& key, const QVariant& value);

    bool m_dark = false;
    bool m_reducedMotion = false;
};

} // namespace ui

#include "tests/tour/pictures.h"

#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "ui/main_window.h"

#include <cstdio>
#include <QtTest/QtTest>

namespace tests {

const QList<Look>& looks() {
    static const QList<Look> looks = {
        {QStringLiteral("en"), app::ThemeChoice::Light, QStringLiteral("en-light")},
        {QStringLiteral("en"), app::ThemeChoice::Dark, QStringLiteral("en-dark")},
        {QStringLiteral("zh_CN"), app::ThemeChoice::Light, QStringLiteral("zh-light")},
        {QStringLiteral("zh_CN"), app::ThemeChoice::Dark, QStringLiteral("zh-dark")},
    };
    return looks;
}

Pictures::Pictures(DesktopFixture& fixture, QString folder)
    : m_fixture(fixture), m_folder(std::move(folder)) {}

void Pictures::wear(const Look& look) {
    app::SettingsValues values = m_fixture.application().settings().values();
    values.language = look.language;
    values.theme = look.theme;
    m_fixture.application().settings().set(values);
    QTest::qWait(400); // a new language is a new window
    m_fixture.window().show();
    m_fixture.window().activateWindow();
    m_fixture.window().resize(1180, 760);
}

bool Pictures::save(const QString& name) {
    QTest::qWait(150);
    return grab(&m_fixture.window(), name);
}

bool Pictures::grab(QWidget* widget, const QString& name) {
    const QString file = QStringLiteral("%1/%2.png").arg(m_folder, name);
    if (widget->grab().save(file))
        return true;
    std::fprintf(stderr, "tour: %s could not be written\n", qPrintable(file));
    return false;
}

} // namespace tests

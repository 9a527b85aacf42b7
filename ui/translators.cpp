#include "ui/translators.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

namespace ui {

QString effectiveLanguage(const QString& setting) {
    const QString wanted = setting.isEmpty() ? QLocale::system().name() : setting;
    return wanted.startsWith(QLatin1String("zh")) ? QStringLiteral("zh_CN") : QStringLiteral("en");
}

Translators::Translators() = default;
Translators::~Translators() = default;

bool Translators::install(const QString& setting) {
    const QString language = effectiveLanguage(setting);
    if (language == m_language)
        return false;
    m_language = language;
    QLocale::setDefault(QLocale(language));
    m_installed.clear();
    add(QStringLiteral("%1/qtbase_%2.qm")
            .arg(QLibraryInfo::path(QLibraryInfo::TranslationsPath), language));
    add(QStringLiteral(":/i18n/inglenook_%1.qm").arg(language));
    return true;
}

void Translators::add(const QString& file) {
    auto translator = std::make_unique<QTranslator>();
    if (translator->load(file) && QCoreApplication::installTranslator(translator.get()))
        m_installed.push_back(std::move(translator));
}

} // namespace ui

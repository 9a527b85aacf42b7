#pragma once
// Translators: Qt's own texts and ours in one language, for as long as it lives. GUI thread.

#include <memory>
#include <QString>
#include <vector>

class QTranslator;

namespace ui {

class Translators {
  public:
    Translators();
    ~Translators();

    /// The language of the setting (empty: the system's) from here on. False when it is the one
    /// that is installed.
    bool install(const QString& setting);

  private:
    void add(const QString& file);

    QString m_language;
    std::vector<std::unique_ptr<QTranslator>> m_installed; // each takes itself out when it goes
};

/// The locale the desktop runs in: of the setting, else of the system; "zh_CN" or "en".
QString effectiveLanguage(const QString& setting);

} // namespace ui

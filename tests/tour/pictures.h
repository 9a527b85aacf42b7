#pragma once
// Pictures: what a tour saves: the window, or a part of it, in one of the looks. GUI thread.

#include "app/settings_values.h"

#include <QList>
#include <QString>

class QWidget;

namespace tests {

class DesktopFixture;

struct Look {
    QString language;
    app::ThemeChoice theme;
    QString name; // "en-light", ends the names of its pictures

    bool isEnglish() const { return language == QLatin1String("en"); }
};

/// English and Chinese, light and dark.
const QList<Look>& looks();

class Pictures {
  public:
    Pictures(DesktopFixture& fixture, QString folder);

    /// The window in another look: of the usual size, in front.
    void wear(const Look& look);
    /// The window, after a moment for what is on its way.
    bool save(const QString& name);
    bool grab(QWidget* widget, const QString& name);

  private:
    DesktopFixture& m_fixture;
    QString m_folder;
};

} // namespace tests

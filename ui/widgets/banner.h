#pragma once
// BannerStack: lasting conditions above the page (full disk, damaged history put aside), one line
// each. GUI thread.

#include <QMap>
#include <QWidget>

class QVBoxLayout;

namespace ui {

class Theme;

class BannerStack : public QWidget {
    Q_OBJECT

  public:
    BannerStack(Theme& theme, QWidget* parent = nullptr);

    void raise(const QString& id, const QString& sentence);
    void clear(const QString& id);
    int count() const { return int(m_banners.size()); }

  signals:
    void dismissed(const QString& id);

  private:
    Theme& m_theme;
    QVBoxLayout* m_layout;
    QMap<QString, QWidget*> m_banners;
};

} // namespace ui

#pragma once
// ChartHeader: a chart's title and, at the right, the newest value of each series behind a piece of
// its line. Painted, not laid out: its text changes twice a second in a dozen charts, and a label's
// would lay out the whole page each time. GUI thread.

#include <QColor>
#include <QList>
#include <QWidget>

namespace ui {

class Theme;

class ChartHeader : public QWidget {
    Q_OBJECT

  public:
    struct Entry {
        QString line; ///< a piece of the line, as a word
        QColor color;
        QString text;
        bool operator==(const Entry&) const = default;
    };

    explicit ChartHeader(Theme& theme, QWidget* parent = nullptr);

    void setTitle(const QString& title);
    void setEntries(const QList<Entry>& entries);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    /// In a narrow chart the last values have no room: the tool tip has them all.
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    Theme& m_theme;
    QString m_title;
    QList<Entry> m_entries;
};

} // namespace ui

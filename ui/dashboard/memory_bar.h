#pragma once
// MemoryBar: one bar of a device's memory: weights, KV cache, workspace, others, free; below it
// what each part is. Parts differ in colour and hatching. GUI thread.

#include <array>
#include <optional>
#include <QBrush>
#include <QWidget>

namespace ui {

class Theme;

/// Bytes; `total` 0 = not known.
struct MemorySplit {
    double weights = 0;
    double kv = 0;
    double workspace = 0;
    std::optional<double> others; // absent: how much is in use is not known
    double total = 0;
};

class MemoryBar : public QWidget {
    Q_OBJECT

  public:
    explicit MemoryBar(Theme& theme, QWidget* parent = nullptr);

    void setSplit(const MemorySplit& split);
    QString text() const; ///< the parts as words
    QSize sizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    struct Part {
        QString text;
        double bytes; // 0 where absent
        QBrush brush;
    };
    std::array<Part, 4> parts() const;

    Theme& m_theme;
    MemorySplit m_split;
};

} // namespace ui

#pragma once
// MemoryBar: one bar of a device's memory: weights, KV cache, workspace, others, free. Parts differ
// in colour and hatching. GUI thread.

#include <array>
#include <QWidget>

namespace ui {

class Theme;

/// Bytes; `total` 0 = not known.
struct MemorySplit {
    double weights = 0;
    double kv = 0;
    double workspace = 0;
    double others = 0;
    double total = 0;
};

class MemoryBar : public QWidget {
    Q_OBJECT

  public:
    explicit MemoryBar(Theme& theme, QWidget* parent = nullptr);

    void setSplit(const MemorySplit& split);
    QSize sizeHint() const override { return {160, 14}; }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    Theme& m_theme;
    MemorySplit m_split;
};

} // namespace ui

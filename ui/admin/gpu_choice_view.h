#pragma once
// GpuChoiceView: which GPUs shall hold a model, and how they work together: a row for each, in the
// order of nvidia-smi (PCI bus), with a switch, its share of a model that is divided, and the bytes
// that it would hold; below them how fast one alone and all together would be. GUI thread.

#include "app/library/fit_table.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QGridLayout;
class QLabel;
class QSpinBox;

namespace ui {

class GpuChoiceView : public QWidget {
    Q_OBJECT

  public:
    explicit GpuChoiceView(QWidget* parent = nullptr);

    /// The GPUs there are, single ones ("cuda:0"), in their order. The first one is on.
    void setGpus(const QList<app::FitDevice>& gpus);
    int count() const { return int(m_rows.size()); }
    /// The word of --device for what is chosen: "cuda:0", "cuda:0,1", "cuda:0=60,1=40".
    QString device() const;
    /// "tensor", "layer", "replicas"; empty = automatic, or one GPU.
    QString split() const;
    /// What the chosen cell would put on each of them.
    void showCell(const app::FitCell* cell);

  signals:
    void changed();

  private:
    struct Row {
        QString number; // as nvidia-smi counts
        QCheckBox* on;
        QSpinBox* share;
        QLabel* bytes;
    };

    QList<const Row*> chosen() const;
    bool isDivided() const;
    void refresh();

    QGridLayout* m_grid;
    QComboBox* m_split;
    QLabel* m_speed;
    QList<Row> m_rows;
};

} // namespace ui

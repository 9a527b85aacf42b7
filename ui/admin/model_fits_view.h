#pragma once
// ModelFitsView: what of a model fits on this machine: rows are weights, columns contexts, a cell
// the bytes, the predicted speed and whether it fits, as word and colour; below it the chosen cell
// device by device, and what would fit where it does not. GUI thread.

#include "app/library/fit_controller.h"
#include "app/library/model_card.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableWidget;

namespace ui {

class GpuChoiceView;
class Theme;

class ModelFitsView : public QWidget {
    Q_OBJECT

  public:
    ModelFitsView(app::FitController& fits, Theme& theme, QWidget* parent = nullptr);

    void show(const app::ModelCard& card);
    using QWidget::show;
    /// What is free has changed: asked anew when it is seen.
    void refresh();
    /// What is chosen, for tests and the tour.
    const app::FitTable& table() const { return m_table; }
    void choose(int row, int column);

  signals:
    /// "Load like this".
    void loadAsked(const app::FitQuestion& question, const QString& weights, int contextTokens);

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    QWidget* makeChoices();
    void showDevices(const QList<app::FitDevice>& devices);
    void showTable(const app::FitTable& table);
    void showCell();
    QString speedBasis(bool hasSpeeds) const;
    bool choosesGpus() const;
    void ask();
    void loadChosen();
    app::FitQuestion question() const;
    const app::FitCell* chosenCell() const;

    app::FitController& m_fits;
    Theme& m_theme;
    QString m_path;
    app::FitTable m_table;
    QComboBox* m_device; // of several GPUs one entry: which of them stands below
    GpuChoiceView* m_gpus;
    QComboBox* m_kv;
    QSpinBox* m_slots;
    QLabel* m_basis; // what the figures rest on
    QPushButton* m_measure;
    QTableWidget* m_cells;
    QLabel* m_bytes;
    QLabel* m_waysOut;
    QPushButton* m_load;
};

} // namespace ui

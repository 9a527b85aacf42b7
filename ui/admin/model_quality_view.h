#pragma once
// ModelQualityView: makes a smaller GGUF of a model, and shows what smaller weights cost: the
// original and each version side by side on a text of the user's choice. GUI thread.

#include "app/library/conversion_controller.h"
#include "app/library/model_card.h"
#include "app/library/quality_controller.h"

#include <QHash>
#include <QWidget>

class QComboBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QTableWidget;
class QVBoxLayout;

namespace ui {

class ModelQualityView : public QWidget {
    Q_OBJECT

  public:
    ModelQualityView(app::ConversionController& conversions, app::QualityController& quality,
                     QWidget* parent = nullptr);

    void show(const app::ModelCard& card);
    using QWidget::show;

  signals:
    /// The user wants to see a model of the library.
    void modelAsked(const QString& path);

  private:
    void addConversion(QVBoxLayout* column);
    void addMeasurement(QVBoxLayout* column);
    void prepareTable();
    void updateConversion();
    void updateMeasurement();
    void showReport();
    void chooseText();
    void measure();
    QString nameOf(const app::QualityRow& row) const;

    app::ConversionController& m_conversions;
    app::QualityController& m_quality;
    app::ModelCard m_card;
    QHash<QString, app::QualityReport> m_reports; // by path of the original
    QHash<QString, QString> m_failures;           // of the last measurement, by path
    QHash<QString, QString> m_said;               // what became of the last conversion, by path
    QHash<QString, QString> m_results;            // the file that it made, by path of its source
    QPushButton* m_int8;
    QPushButton* m_int4;
    QPushButton* m_stopConversion;
    QPushButton* m_showResult;
    QProgressBar* m_conversionProgress;
    QLabel* m_conversionState;
    QComboBox* m_text;
    QPushButton* m_measure;
    QPushButton* m_stopMeasuring;
    QProgressBar* m_measureProgress;
    QLabel* m_measureState;
    QTableWidget* m_table;
};

} // namespace ui

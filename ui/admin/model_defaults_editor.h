#pragma once
// ModelDefaultsEditor: what chats with a model begin with: sampling, system prompt, context and KV
// cache. Shows what was published; a badge says where its owner has changed it. GUI thread.

#include "app/library/library_controller.h"

#include <QList>
#include <QWidget>

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;
class QTimer;

namespace ui {

class ModelDefaultsEditor : public QWidget {
    Q_OBJECT

  public:
    explicit ModelDefaultsEditor(app::LibraryController& library, QWidget* parent = nullptr);
    ~ModelDefaultsEditor() override; ///< keeps what is being typed

    void show(const app::ModelCard& card);
    using QWidget::show;
    /// What stands beside the fields.
    const QList<QLabel*>& names() const { return m_names; }

  private:
    void setUpControls();
    void layOut();
    void connectControls();
    void fill(const app::ModelDefaults& defaults);
    app::ModelDefaults edited() const;
    void keep();
    void showBadge();

    app::LibraryController& m_library;
    app::ModelCard m_card;
    QList<QLabel*> m_names;
    QLabel* m_badge;
    QPushButton* m_reset;
    QDoubleSpinBox* m_temperature;
    QDoubleSpinBox* m_topP;
    QSpinBox* m_topK;
    QDoubleSpinBox* m_minP;
    QSpinBox* m_context;
    QComboBox* m_kv;
    QPlainTextEdit* m_systemPrompt;
    QLabel* m_promptAdvice;
    QTimer* m_delay;
    bool m_isFilling = false;
};

} // namespace ui

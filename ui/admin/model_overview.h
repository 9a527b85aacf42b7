#pragma once
// ModelOverview: the facts of a model, where it lies, and its owner's note. GUI thread.

#include "app/library/library_controller.h"

#include <QScrollArea>

class QGridLayout;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QTimer;

namespace ui {

class ElidedLabel;
class ModelDefaultsEditor;

class ModelOverview : public QScrollArea {
    Q_OBJECT

  public:
    explicit ModelOverview(app::LibraryController& library, QWidget* parent = nullptr);
    ~ModelOverview() override; ///< keeps a note that is being written

    void show(const app::ModelCard& card);

  protected:
    void showEvent(QShowEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void addRow(const QString& name, QWidget* value, Qt::Alignment nameAt);
    QLabel* addFact(const QString& name);
    void addHash();
    /// Facts and defaults stand in the same two columns.
    void alignNames();
    void keepNote();

    app::LibraryController& m_library;
    QString m_path;
    QGridLayout* m_facts;
    QList<QLabel*> m_names; // of the facts
    QLabel* m_family;
    QLabel* m_base;
    QLabel* m_network;
    QLabel* m_parameters;
    QLabel* m_format;
    QLabel* m_context;
    QLabel* m_licence;
    QLabel* m_size;
    QLabel* m_sampling;
    QLabel* m_place;
    QLabel* m_command;
    ElidedLabel* m_hash;
    QPushButton* m_copyHash;
    ModelDefaultsEditor* m_defaults;
    QPlainTextEdit* m_note;
    QTimer* m_noteTimer;
};

} // namespace ui

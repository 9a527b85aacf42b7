#pragma once
// ModelFilesView: the files of a model with sizes and SHA-256, to compare with the publisher's.
// GUI thread.

#include "app/library/library_controller.h"

#include <QWidget>

class QTableWidget;

namespace ui {

class ModelFilesView : public QWidget {
    Q_OBJECT

  public:
    explicit ModelFilesView(app::LibraryController& library, QWidget* parent = nullptr);

    void show(const app::ModelCard& card);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void fitNames();
    void copyHashes();
    void showProgress(const QString& path, const QString& file, quint64 done, quint64 total);

    QString m_path;
    QList<app::ModelFile> m_shown;
    QTableWidget* m_table;
};

} // namespace ui

#pragma once
// DeviceTour: pictures of the pages that show a device at work, while chats and API clients keep it
// busy: overview, requests, what fits, where the time goes. For a machine with a GPU behind them;
// the CPU will do too. The model is a random one of a real shape that has the built-in model's
// vocabulary, so what it says means nothing; or any file. GUI thread.

#include "tests/tour/pictures.h"

#include <QTemporaryDir>

namespace ui {
class DashboardPage;
class ModelsPage;
} // namespace ui

namespace tests {

class ApiLoad;

class DeviceTour {
  public:
    DeviceTour(DesktopFixture& fixture, QString folder);

    /// `device`: a word of the command line. `model`: a shape (engine::syntheticShapes()) or a
    /// file.
    bool run(const QString& device, const QString& model);

  private:
    bool prepareModel(const QString& model);
    void measureSpeed();
    void measureStages();
    bool load();
    void keepBusy(ApiLoad& clients);
    void show(const Look& look);
    void showModels(ui::ModelsPage& page, const Look& look);
    /// Prints what stays of the first GPU's memory; then the model comes back and answers.
    bool ejectAndLoad();

    DesktopFixture& m_fixture;
    Pictures m_pictures;
    QTemporaryDir m_models;
    QString m_device;
    QString m_model; // file
};

} // namespace tests

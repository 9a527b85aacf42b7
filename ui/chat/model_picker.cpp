#include "ui/chat/model_picker.h"

#include "app/library/library_controller.h"
#include "app/paths.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "ui/actions.h"
#include "ui/icons.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QActionGroup>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QToolButton>

namespace ui {

namespace {

constexpr int kMostLibraryModels = 15; // the page "Models" has them all

struct WeightChoice {
    const char* format;
    const char* text;
};
constexpr WeightChoice kWeightChoices[] = {
    {"auto",
     QT_TRANSLATE_NOOP("ui::ModelPicker", "Automatic: what the file holds, at most 8 bits")},
    {"int4", QT_TRANSLATE_NOOP("ui::ModelPicker", "INT4: smallest and fastest, some loss")},
    {"int8", QT_TRANSLATE_NOOP("ui::ModelPicker", "INT8: a quarter of F32, hardly any loss")},
    {"bf16", QT_TRANSLATE_NOOP("ui::ModelPicker", "BF16: as most models were trained")},
    {"f32", QT_TRANSLATE_NOOP("ui::ModelPicker", "F32: exact, slow, large")},
};

} // namespace

ModelPicker::ModelPicker(app::ModelController& models, app::LibraryController& library,
                         app::Settings& settings, Theme& theme, QToolButton* modelButton,
                         QToolButton* weightsButton)
    : QObject(modelButton),
      m_models(models),
      m_library(library),
      m_settings(settings),
      m_theme(theme),
      m_button(modelButton),
      m_modelMenu(new QMenu(modelButton)),
      m_weightsMenu(new QMenu(weightsButton)) {
    modelButton->setMenu(m_modelMenu);
    weightsButton->setMenu(m_weightsMenu);
    connect(m_modelMenu, &QMenu::aboutToShow, this, &ModelPicker::fillModels);
    connect(m_weightsMenu, &QMenu::aboutToShow, this, &ModelPicker::fillWeights);
}

void ModelPicker::open() {
    m_button->showMenu();
}

void ModelPicker::load(const QString& path) {
    m_models.load(path, app::modelOptions(m_settings.values()));
}

void ModelPicker::openFile() {
    const QString last = QFileInfo(m_models.model().path).absolutePath();
    const QString path = QFileDialog::getOpenFileName(
        m_button->window(), tr("Open a model file"), last,
        tr("Models (*.gguf)") + QStringLiteral(";;") + tr("All files (*)"));
    if (!path.isEmpty())
        load(path);
}

void ModelPicker::openFolder() {
    const QString last = QFileInfo(m_models.model().path).absolutePath();
    const QString path = QFileDialog::getExistingDirectory(
        m_button->window(), tr("Open a model folder (config.json and safetensors)"), last);
    if (!path.isEmpty())
        load(path);
}

void ModelPicker::fillModels() {
    m_modelMenu->clear();
    m_modelMenu->setToolTipsVisible(true);
    const QColor ink = m_theme.palette().text;
    const app::ModelValue current = m_models.model();
    const QString builtIn = app::builtInModelPath();
    const auto addModel = [&](const QString& name, const QString& path, bool exists) {
        QAction* action = m_modelMenu->addAction(name, this, [this, path] { load(path); });
        action->setToolTip(path);
        action->setEnabled(exists);
        action->setCheckable(true);
        action->setChecked(current.isLoaded() && current.path == path);
    };
    if (!builtIn.isEmpty())
        addModel(tr("Ember (built in)"), builtIn, true);
    QList<app::RecentModel> recents = m_models.recentModels();
    recents.removeIf([&](const app::RecentModel& recent) { return recent.path == builtIn; });
    if (!recents.isEmpty())
        m_modelMenu->addAction(tr("Recent"))->setEnabled(false); // a heading
    for (const app::RecentModel& recent : recents)
        addModel(recent.exists ? recent.name : tr("%1 (not there now)").arg(recent.name),
                 recent.path, recent.exists);
    QList<app::ModelCard> others = m_library.cards(); // favourites come first
    others.removeIf([&](const app::ModelCard& card) {
        return card.isAway || card.isBuiltIn ||
               std::any_of(recents.begin(), recents.end(), [&](const app::RecentModel& recent) {
                   return recent.path == card.path;
               });
    });
    if (!others.isEmpty())
        m_modelMenu->addAction(tr("Library"))->setEnabled(false); // a heading
    for (const app::ModelCard& card : others.mid(0, kMostLibraryModels))
        addModel(QStringLiteral("%1 · %2").arg(card.name, card.fileType), card.path, true);
    m_modelMenu->addSeparator();
    m_modelMenu->addAction(icon(QStringLiteral("file"), ink),
                           actionSpec(ActionId::OpenModelFile).text, this, &ModelPicker::openFile);
    m_modelMenu->addAction(icon(QStringLiteral("folder"), ink),
                           actionSpec(ActionId::OpenModelFolder).text, this,
                           &ModelPicker::openFolder);
    if (current.isLoaded()) {
        m_modelMenu->addSeparator();
        QAction* facts = m_modelMenu->addAction(
            tr("%1 · %2 · weights %3 · KV %4")
                .arg(current.fileType, deviceText(current.device), bytesText(current.weights_bytes),
                     bytesText(current.kv_bytes)));
        facts->setEnabled(false);
        if (const QString measured = splitText(current.split); !measured.isEmpty())
            m_modelMenu->addAction(measured)->setEnabled(false);
        m_modelMenu->addAction(icon(QStringLiteral("eject"), ink),
                               actionSpec(ActionId::UnloadModel).text, &m_models,
                               &app::ModelController::unload);
    }
}

void ModelPicker::fillWeights() {
    m_weightsMenu->clear();
    const QString chosen = m_settings.values().weights.isEmpty() ? QStringLiteral("auto")
                                                                 : m_settings.values().weights;
    for (const WeightChoice& choice : kWeightChoices) {
        const QString format = QString::fromLatin1(choice.format);
        QAction* action = m_weightsMenu->addAction(tr(choice.text), this, [this, format] {
            app::SettingsValues values = m_settings.values();
            values.weights = format == QLatin1String("auto") ? QString() : format;
            if (m_models.model().isLoaded()) // set when the model is there in that format
                m_models.load(m_models.model().path, app::modelOptions(values));
            else
                m_settings.set(values);
        });
        action->setCheckable(true);
        action->setChecked(format == chosen);
    }
}

} // namespace ui

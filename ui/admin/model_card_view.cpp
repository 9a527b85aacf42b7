#include "ui/admin/model_card_view.h"

#include "app/application.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "ui/admin/model_files_view.h"
#include "ui/admin/model_fits_view.h"
#include "ui/admin/model_overview.h"
#include "ui/admin/model_quality_view.h"
#include "ui/icons.h"
#include "ui/models/library_list_model.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QStackedWidget>
#include <QSysInfo>
#include <QTabBar>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kProgressSteps = 1000;
constexpr int kHashDelay_ms = 3000; // whoever looks through the list starts nothing

QLabel* wrapped(QLabel* label) {
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    return label;
}

} // namespace

ModelCardView::ModelCardView(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_library(application.library()),
      m_models(application.models()),
      m_settings(application.settings()),
      m_theme(theme),
      m_name(new QLabel),
      m_star(new QToolButton),
      m_summary(new QLabel),
      m_truth(new QLabel),
      m_load(new QPushButton(tr("Load"))),
      m_eject(new QPushButton(tr("Eject"))),
      m_cancel(new QPushButton(tr("Cancel"))),
      m_forget(new QPushButton(tr("Forget this model"))),
      m_copyFailure(new QPushButton(tr("Copy details"))),
      m_progress(new QProgressBar),
      m_state(new QLabel),
      m_tabs(new QTabBar),
      m_pages(new QStackedWidget),
      m_overview(new ModelOverview(m_library)),
      m_fits(new ModelFitsView(application.fits(), theme)),
      m_quality(new ModelQualityView(application.conversions(), application.quality())),
      m_files(new ModelFilesView(m_library)) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kLarge, space::kWide, 0);
    column->setSpacing(space::kSmall);
    addHead(column);
    addTabs(column);
    m_hashDelay.setSingleShot(true);
    m_hashDelay.setInterval(kHashDelay_ms);
    connect(&m_hashDelay, &QTimer::timeout, this, [this] {
        if (isVisible())
            m_library.computeHashes(m_card.path);
    });
    followLoads();
    connect(&m_theme, &Theme::changed, this, &ModelCardView::updateStar);
}

void ModelCardView::addTabs(QVBoxLayout* column) {
    m_tabs->setProperty("role", "section");
    m_tabs->setDrawBase(false);
    m_tabs->setExpanding(false);
    m_tabs->setAccessibleName(tr("About this model"));
    m_tabs->setObjectName(QStringLiteral("model-tabs"));
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    column->addSpacing(space::kSmall);
    column->addWidget(m_tabs);
    column->addWidget(line);
    column->addWidget(m_pages, 1);
    addTab(tr("Overview"), m_overview);
    addTab(tr("What fits"), m_fits);
    addTab(tr("Quality"), m_quality);
    addTab(tr("Files"), m_files);
    connect(m_quality, &ModelQualityView::modelAsked, this, &ModelCardView::modelAsked);
    connect(m_fits, &ModelFitsView::loadAsked, this, &ModelCardView::loadLike);
    connect(m_tabs, &QTabBar::currentChanged, m_pages, &QStackedWidget::setCurrentIndex);
}

void ModelCardView::followLoads() {
    connect(&m_models, &app::ModelController::modelChanged, this, &ModelCardView::updateState);
    connect(&m_models, &app::ModelController::modelChanged, m_fits, &ModelFitsView::refresh);
    connect(&m_models, &app::ModelController::progressChanged, this,
            [this](const app::ModelProgress& progress) {
                m_failures.remove(progress.path);
                updateState();
            });
    connect(&m_models, &app::ModelController::failed, this,
            [this](const QString& sentence, const QString& path) {
                m_failures.insert(path, sentence);
                updateState();
            });
}

void ModelCardView::addHead(QVBoxLayout* column) {
    wrapped(m_name)->setProperty("role", "title");
    m_name->setObjectName(QStringLiteral("model-name"));
    m_name->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_star->setCheckable(true);
    m_star->setAccessibleName(tr("Favourite"));
    m_star->setToolTip(tr("Favourites stand first in the list"));
    wrapped(m_summary)->setProperty("role", "muted");
    wrapped(m_truth)->setObjectName(QStringLiteral("model-truth"));
    m_load->setProperty("role", "primary");
    m_load->setObjectName(QStringLiteral("model-load"));
    m_eject->setObjectName(QStringLiteral("model-eject"));
    m_eject->setToolTip(tr("Gives the memory back; the file stays"));
    m_forget->setToolTip(tr("It is not there now. This takes it off the list, with its note."));
    m_copyFailure->setObjectName(QStringLiteral("model-copy-failure"));
    m_copyFailure->setToolTip(tr("The sentence with file, formats and version, for a report"));
    m_progress->setRange(0, kProgressSteps);
    m_progress->setTextVisible(false);
    m_progress->setAccessibleName(tr("Loading"));
    wrapped(m_state)->setObjectName(QStringLiteral("model-state"));
    m_state->setProperty("role", "muted");

    auto* first = new QHBoxLayout;
    first->setSpacing(space::kSmall);
    first->addWidget(m_name, 1);
    first->addWidget(m_star, 0, Qt::AlignTop);
    auto* actions = new QHBoxLayout;
    actions->setSpacing(space::kSmall);
    for (QPushButton* button : {m_load, m_eject, m_cancel, m_forget})
        actions->addWidget(button);
    actions->addWidget(m_state, 1);
    actions->addWidget(m_copyFailure);
    column->addLayout(first);
    column->addWidget(m_summary);
    column->addWidget(m_truth);
    column->addSpacing(space::kHair);
    column->addLayout(actions);
    column->addWidget(m_progress);

    connect(m_star, &QToolButton::clicked, this, [this](bool on) {
        const QString path = m_card.path; // the signal below shows the card anew
        m_library.setFavourite(path, on);
    });
    connect(m_load, &QPushButton::clicked, this, &ModelCardView::load);
    connect(m_eject, &QPushButton::clicked, &m_models, &app::ModelController::unload);
    connect(m_cancel, &QPushButton::clicked, &m_models, &app::ModelController::cancelLoad);
    connect(m_copyFailure, &QPushButton::clicked, this,
            [this] { QGuiApplication::clipboard()->setText(failureDetails()); });
    connect(m_forget, &QPushButton::clicked, this, [this] {
        const QString path = m_card.path;
        m_library.forget(path);
    });
}

void ModelCardView::addTab(const QString& title, QWidget* page) {
    m_pages->addWidget(page);
    m_tabs->addTab(title);
}

void ModelCardView::showTab(int index) {
    m_tabs->setCurrentIndex(index);
}

void ModelCardView::show(const app::ModelCard& card) {
    const bool isOther = card.path != m_card.path;
    m_card = card;
    m_name->setText(card.name);
    m_summary->setText(
        tr("%1 · context %2").arg(cardSummary(card), tokensText(card.contextTokens)));
    m_truth->setText(card.isDistilled
                         ? tr("This is %1, taught with answers of DeepSeek-R1. It is not "
                              "DeepSeek-R1 itself, which has 671 billion parameters.")
                               .arg(card.baseModel)
                         : QString());
    m_truth->setVisible(card.isDistilled);
    m_star->setChecked(card.marks.isFavourite);
    updateStar();
    m_overview->show(card);
    m_fits->show(card);
    m_quality->show(card);
    m_files->show(card);
    if (isOther)
        m_hashDelay.start();
    updateState();
    emit shown(card.path);
}

void ModelCardView::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    m_hashDelay.start();
    if (!m_card.path.isEmpty())
        emit shown(m_card.path); // to tabs that were added since
}

void ModelCardView::updateStar() {
    const bool on = m_card.marks.isFavourite;
    m_star->setIcon(icon(on ? QStringLiteral("star-filled") : QStringLiteral("star"),
                         on ? m_theme.palette().accent : m_theme.palette().muted));
}

bool ModelCardView::isThisLoading() const {
    const app::ModelProgress progress = m_models.progress();
    return progress.phase != app::ModelPhase::None && progress.phase != app::ModelPhase::Ready &&
           progress.path == m_card.path;
}

void ModelCardView::updateState() {
    const app::ModelValue model = m_models.model();
    const bool isLoaded = model.isLoaded() && model.path == m_card.path;
    const bool isLoading = isThisLoading();
    m_load->setVisible(!isLoaded && !isLoading && !m_card.isAway);
    m_eject->setVisible(isLoaded && !isLoading);
    m_cancel->setVisible(isLoading);
    m_forget->setVisible(m_card.isAway);
    m_progress->setVisible(isLoading);
    QString state;
    if (m_card.isAway) {
        state = tr("Its disk or folder is not there now: %1").arg(m_card.root);
    } else if (isLoading) {
        const app::ModelProgress progress = m_models.progress();
        const bool hasBytes = progress.total_bytes > 0;
        m_progress->setRange(0, hasBytes ? kProgressSteps : 0);
        if (hasBytes)
            m_progress->setValue(
                int(double(progress.done_bytes) / double(progress.total_bytes) * kProgressSteps));
        if (progress.phase == app::ModelPhase::WaitingToLoad ||
            progress.phase == app::ModelPhase::WaitingToUnload)
            state = tr("Waits for running answers to end");
        else if (hasBytes)
            state = tr("Loading: %1 of %2")
                        .arg(bytesText(progress.done_bytes), bytesText(progress.total_bytes));
        else
            state = tr("Opening…");
    } else if (isLoaded) {
        state =
            tr("Loaded as %1, KV %2, on %3")
                .arg(weightsText(model.weights), weightsText(model.kv), deviceText(model.device));
        if (const QString measured = splitText(model.split); !measured.isEmpty())
            state += QLatin1Char('\n') + measured;
    }
    const bool hasFailed = !m_card.isAway && !isLoading && m_failures.contains(m_card.path);
    if (hasFailed)
        state = m_failures.value(m_card.path);
    m_copyFailure->setVisible(hasFailed);
    m_state->setText(state);
}

/// What somebody who shall help needs to know of the last load. Not translated but its sentence.
QString ModelCardView::failureDetails() const {
    const app::ModelOptions options = app::modelOptions(m_settings.values());
    const QStringList lines = {
        m_failures.value(m_card.path),
        QStringLiteral("file: %1 (%2)").arg(m_card.path, cardSummary(m_card)),
        QStringLiteral("asked: weights %1, KV %2, device %3, context %4, slots %5")
            .arg(options.weights, options.kv, options.device)
            .arg(options.contextTokens)
            .arg(options.slotCount),
        QStringLiteral("Inglenook %1, Qt %2, %3")
            .arg(QCoreApplication::applicationVersion(), QLatin1String(qVersion()),
                 QSysInfo::prettyProductName())};
    return lines.join(QLatin1Char('\n'));
}

void ModelCardView::load() {
    m_models.load(m_card.path, app::modelOptions(m_settings.values()));
}

void ModelCardView::loadLike(const app::FitQuestion& question, const QString& weights,
                             int contextTokens) {
    app::ModelOptions options = app::modelOptions(m_settings.values());
    options.weights = weights;
    options.kv = question.kv;
    options.device = question.device;
    options.split = question.split;
    options.contextTokens = contextTokens;
    options.slotCount = question.slotCount;
    options.isExact = true;
    m_models.load(m_card.path, options);
}

} // namespace ui

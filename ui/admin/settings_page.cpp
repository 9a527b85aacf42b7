#include "ui/admin/settings_page.h"

#include "app/connections.h"
#include "app/messages.h"
#include "app/paths.h"
#include "app/session/model_controller.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "ui/admin/setting_control.h"
#include "ui/admin/setting_row.h"
#include "ui/theme.h"
#include "ui/widgets/layouts.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSaveFile>
#include <QScrollArea>
#include <QScrollBar>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kListWidth = 168;
constexpr qint64 kMostImported_bytes = 1 << 20;

} // namespace

SettingsPage::SettingsPage(app::Settings& settings, app::ModelController& models,
                           const QString& dataDir, QWidget* parent)
    : QWidget(parent),
      m_settings(settings),
      m_models(models),
      m_search(new QLineEdit),
      m_list(new QListWidget),
      m_scroll(new QScrollArea),
      m_column(nullptr),
      m_nothing(plainLabel(tr("No setting has these words."), "muted")),
      m_notice(plainLabel({})),
      m_barText(plainLabel({})),
      m_apply(new QPushButton(tr("Reload the model"))),
      m_discard(new QPushButton(tr("Discard"))) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(makeHead());
    layout->addWidget(makeBody(), 1);
    layout->addWidget(makeBar());
    addSections(dataDir);
    m_column->addWidget(m_nothing);
    m_column->addStretch(1);
    m_nothing->hide();

    connect(&m_settings, &app::Settings::changed, this, &SettingsPage::refresh);
    connect(&m_models, &app::ModelController::modelChanged, this, &SettingsPage::refresh);
    connect(&m_models, &app::ModelController::recentChanged, this, &SettingsPage::refresh);
    connect(&m_models, &app::ModelController::progressChanged, this, &SettingsPage::showBar);
    connect(&m_models, &app::ModelController::failed, this, &SettingsPage::showNotice);
    connect(&m_models, &app::ModelController::modelChanged, this,
            [this](const app::ModelValue& model) {
                if (model.isLoaded())
                    showNotice({}); // why an earlier load failed
            });
    m_list->setCurrentRow(0);
    refresh();
}

void SettingsPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    m_list->doItemsLayout(); // measured before it was styled, the names would stand too close
}

QWidget* SettingsPage::makeHead() {
    m_search->setPlaceholderText(tr("Search settings"));
    m_search->setAccessibleName(tr("Search settings"));
    m_search->setClearButtonEnabled(true);
    m_search->setMaximumWidth(340);
    connect(m_search, &QLineEdit::textChanged, this, &SettingsPage::filter);
    auto* import = new QPushButton(tr("Import…"));
    auto* exportButton = new QPushButton(tr("Export…"));
    import->setToolTip(tr("Takes settings from a file that was exported here"));
    exportButton->setToolTip(tr("Writes all settings but the model's path and keys to a file"));
    connect(import, &QPushButton::clicked, this, &SettingsPage::importFromFile);
    connect(exportButton, &QPushButton::clicked, this, &SettingsPage::exportToFile);
    auto* head = new QWidget;
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(space::kWide, space::kLarge, space::kWide, space::kMedium);
    row->setSpacing(space::kMedium);
    row->addWidget(plainLabel(tr("Settings"), "display"));
    row->addSpacing(space::kLarge);
    row->addWidget(m_search, 1);
    row->addStretch(1);
    row->addWidget(import);
    row->addWidget(exportButton);
    return head;
}

QWidget* SettingsPage::makeBody() {
    m_list->setFixedWidth(kListWidth);
    m_list->setAccessibleName(tr("Sections"));
    m_list->setProperty("role", "sections");
    connect(m_list, &QListWidget::itemActivated, this, [this](const QListWidgetItem* item) {
        showSection(app::SettingSection(item->data(Qt::UserRole).toInt()));
    });
    connect(m_list, &QListWidget::itemClicked, m_list, &QListWidget::itemActivated);
    auto* column = new QWidget;
    column->setMaximumWidth(820);
    m_column = new QVBoxLayout(column);
    m_column->setContentsMargins(space::kWide, 0, space::kWide, space::kWide);
    m_column->setSpacing(0);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setWidgetResizable(true);
    m_scroll->setWidget(column);
    connect(m_scroll->verticalScrollBar(), &QScrollBar::valueChanged, this,
            &SettingsPage::showCurrentSection);
    auto* body = new QWidget;
    auto* row = new QHBoxLayout(body);
    row->setContentsMargins(space::kMedium, 0, 0, 0);
    row->setSpacing(0);
    row->addWidget(m_list);
    row->addWidget(m_scroll, 1);
    return body;
}

QWidget* SettingsPage::makeBar() {
    auto* lower = new QWidget;
    auto* layout = new QVBoxLayout(lower);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_notice->setWordWrap(true);
    m_notice->setContentsMargins(space::kWide, space::kSmall, space::kWide, space::kSmall);
    m_notice->hide();
    m_bar = new QFrame;
    m_bar->setProperty("role", "bar");
    m_bar->setObjectName(QStringLiteral("apply-bar"));
    m_barText->setWordWrap(true);
    m_apply->setProperty("role", "primary");
    connect(m_apply, &QPushButton::clicked, this, &SettingsPage::apply);
    connect(m_discard, &QPushButton::clicked, this, &SettingsPage::discard);
    auto* row = new QHBoxLayout(m_bar);
    row->setContentsMargins(space::kWide, space::kSmall, space::kWide, space::kSmall);
    row->setSpacing(space::kMedium);
    row->addWidget(m_barText, 1);
    row->addWidget(m_discard);
    row->addWidget(m_apply);
    layout->addWidget(m_notice);
    layout->addWidget(m_bar);
    return lower;
}

void SettingsPage::addSections(const QString& dataDir) {
    using Id = app::SettingSection;
    const QList<app::SettingSpec> specs = app::settingSpecs();
    for (const Id section :
         {Id::Engine, Id::Chat, Id::Admission, Id::Caches, Id::Api, Id::Downloads, Id::History,
          Id::Appearance, Id::Language, Id::Privacy}) {
        auto* heading = plainLabel(app::sectionName(section), "title");
        heading->setContentsMargins(0, space::kLarge, 0, space::kSmall);
        m_column->addWidget(heading);
        m_sections[section].heading = heading;
        auto* item = new QListWidgetItem(app::sectionName(section), m_list);
        item->setData(Qt::UserRole, int(section));
        for (const app::SettingSpec& spec : specs)
            if (spec.section == section)
                addRow(spec);
        if (section == Id::History) {
            auto* folder = plainLabel(dataDir);
            folder->setTextInteractionFlags(Qt::TextSelectableByMouse |
                                            Qt::TextSelectableByKeyboard);
            addInfo(section, tr("Data folder"),
                    tr("Chats, settings and logs. Choose another one with --data-dir."), folder);
        }
        if (section == Id::Privacy)
            addPrivacy();
    }
}

void SettingsPage::addRow(const app::SettingSpec& spec) {
    auto* row = new SettingRow(spec);
    connect(row, &SettingRow::changed, this, &SettingsPage::change);
    m_rows.insert(spec.id, row);
    m_sections[spec.section].rows.append(row);
    m_column->addWidget(row);
}

void SettingsPage::addInfo(app::SettingSection section, const QString& name, const QString& what,
                           QWidget* shown) {
    auto* row = new QWidget;
    auto* texts = new QVBoxLayout;
    auto* whatLabel = plainLabel(what, "muted");
    whatLabel->setWordWrap(true);
    texts->setSpacing(2);
    texts->addWidget(plainLabel(name));
    texts->addWidget(whatLabel);
    auto* content = new QHBoxLayout(row);
    content->setContentsMargins(0, space::kMedium, 0, space::kMedium);
    content->setSpacing(space::kWide);
    content->addLayout(texts, 1);
    content->addWidget(shown, 0, Qt::AlignRight | Qt::AlignTop);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    m_column->addWidget(line);
    m_column->addWidget(row);
    Section& in = m_sections[section];
    in.words += name + QLatin1Char(' ') + what + QLatin1Char(' ');
    in.rows.append({line, row});
}

void SettingsPage::addPrivacy() {
    const auto section = app::SettingSection::Privacy;
    m_sections[section].words += tr("What connects to the internet");
    for (const app::Connection& connection : app::connections(m_settings.values())) {
        auto* state = plainLabel(connection.state);
        m_connections.append({connection.name, state});
        addInfo(section, connection.name, connection.what, state);
    }
}

bool SettingsPage::reloads(const app::SettingSpec& spec) const {
    return spec.reloadsModel &&
           (m_models.model().isLoaded() || spec.kind == app::SettingKind::Model);
}

app::SettingsValues SettingsPage::wanted() const {
    app::SettingsValues values = m_settings.values();
    for (auto entry = m_pending.begin(); entry != m_pending.end(); ++entry)
        m_rows[entry.key()]->spec().write(values, entry.value());
    return values;
}

void SettingsPage::change(const QString& id, const QJsonValue& value) {
    const app::SettingSpec& spec = m_rows[id]->spec();
    showNotice({});
    if (reloads(spec)) {
        m_pending.insert(id, value);
    } else {
        app::SettingsValues values = m_settings.values();
        spec.write(values, value);
        m_settings.set(values);
    }
    refresh();
}

void SettingsPage::refresh() {
    showValues(Typed::Keep);
}

/// Shows the values as they are, or as they will be where that waits in the bar. What a person is
/// typing meanwhile stays, unless it is to be dropped.
void SettingsPage::showValues(Typed typed) {
    showModels();
    const app::SettingsValues& now = m_settings.values();
    for (auto entry = m_pending.begin(); entry != m_pending.end();) {
        const bool isSo = m_rows[entry.key()]->spec().read(now) == entry.value();
        entry = isSo ? m_pending.erase(entry) : std::next(entry);
    }
    const app::SettingsValues shown = wanted();
    for (SettingRow* row : std::as_const(m_rows)) {
        QJsonValue value = row->spec().read(shown);
        if (row->spec().kind == app::SettingKind::Model && value.toString().isEmpty())
            value = app::builtInModelPath(); // what a first start loads
        if (typed == Typed::Drop || !row->isBeingEdited())
            row->showValue(value);
        QString needs = row->spec().needs;
        const bool inverse = needs.startsWith(QLatin1Char('!'));
        const SettingRow* needed = m_rows.value(inverse ? needs.mid(1) : needs);
        row->setInForce(needed == nullptr || needed->spec().read(shown).toBool() != inverse);
    }
    const QList<app::Connection> connections = app::connections(now);
    for (qsizetype i = 0; i < m_connections.size() && i < connections.size(); ++i)
        m_connections[i].second->setText(connections[i].state);
    showBar();
}

/// What was opened before can be chosen; the built-in one always.
void SettingsPage::showModels() {
    SettingRow* row = m_rows.value(QStringLiteral("last_model"));
    const QString builtIn = app::builtInModelPath();
    QList<app::SettingChoice> choices{{builtIn, tr("Ember (built in)")}};
    for (const app::RecentModel& model : m_models.recentModels())
        if (model.path != builtIn)
            choices.append(
                {model.path, model.exists ? model.name : tr("%1 (not there now)").arg(model.name)});
    row->control().setChoices(choices);
}

void SettingsPage::showBar() {
    const app::ModelProgress progress = m_models.progress();
    const bool isLoading =
        progress.phase != app::ModelPhase::None && progress.phase != app::ModelPhase::Ready;
    m_bar->setVisible(!m_pending.isEmpty());
    m_apply->setEnabled(!isLoading);
    m_discard->setEnabled(!isLoading);
    if (isLoading) {
        m_barText->setText(progress.phase == app::ModelPhase::WaitingToLoad
                               ? tr("%1 is loaded when the answers end.").arg(progress.name)
                               : tr("%1 is being loaded.").arg(progress.name));
        return;
    }
    QStringList changes;
    for (auto entry = m_pending.begin(); entry != m_pending.end(); ++entry) {
        const app::SettingSpec& spec = m_rows[entry.key()]->spec();
        const QString before = app::valueText(spec, spec.read(m_settings.values()));
        const QString after = app::valueText(spec, entry.value());
        // A model is a path: its name says enough.
        changes.append(spec.kind == app::SettingKind::Model
                           ? tr("%1: %2").arg(spec.name, QFileInfo(after).completeBaseName())
                           : tr("%1: %2 → %3").arg(spec.name, before, after));
    }
    m_barText->setText(tr("This reloads the model. Chats stay as they are.") + QLatin1Char('\n') +
                       changes.join(QStringLiteral(" · ")));
}

void SettingsPage::apply() {
    const app::SettingsValues values = wanted();
    const bool choosesModel = m_pending.contains(QStringLiteral("last_model"));
    QString path = choosesModel ? values.lastModel : m_models.model().path;
    if (path.isEmpty())
        path = app::builtInModelPath();
    // What is set follows when the model is there; when it fails, nothing has changed.
    m_models.load(path, app::modelOptions(values));
}

void SettingsPage::discard() {
    m_pending.clear();
    showValues(Typed::Drop);
}

void SettingsPage::showNotice(const QString& sentence) {
    m_notice->setText(sentence);
    m_notice->setVisible(!sentence.isEmpty());
}

void SettingsPage::showSection(app::SettingSection section) {
    m_search->clear();
    if (const QWidget* heading = m_sections.value(section).heading)
        m_scroll->verticalScrollBar()->setValue(heading->y());
    for (int i = 0; i < m_list->count(); ++i)
        if (m_list->item(i)->data(Qt::UserRole).toInt() == int(section))
            m_list->setCurrentRow(i);
}

/// The section whose rows are read now is the one marked left.
void SettingsPage::showCurrentSection() {
    const int top = m_scroll->verticalScrollBar()->value();
    const bool atEnd = top == m_scroll->verticalScrollBar()->maximum();
    for (int i = 0; i < m_list->count() && !atEnd; ++i) {
        const auto section = app::SettingSection(m_list->item(i)->data(Qt::UserRole).toInt());
        const QWidget* heading = m_sections.value(section).heading;
        if (heading != nullptr && heading->isVisible() && heading->y() <= top + space::kHuge)
            m_list->setCurrentRow(i);
    }
}

void SettingsPage::filter(const QString& text) {
    const QString needle = text.trimmed();
    bool any = false;
    for (int i = 0; i < m_list->count(); ++i) {
        const auto id = app::SettingSection(m_list->item(i)->data(Qt::UserRole).toInt());
        const Section& section = m_sections[id];
        const bool whole = needle.isEmpty() ||
                           app::sectionName(id).contains(needle, Qt::CaseInsensitive) ||
                           section.words.contains(needle, Qt::CaseInsensitive);
        bool shown = false;
        for (QWidget* widget : section.rows) {
            const auto* row = qobject_cast<SettingRow*>(widget);
            const bool matches =
                whole || (row != nullptr && row->words().contains(needle, Qt::CaseInsensitive));
            widget->setVisible(matches);
            shown = shown || matches;
        }
        section.heading->setVisible(shown);
        m_list->item(i)->setHidden(!shown);
        any = any || shown;
    }
    m_nothing->setVisible(!any);
}

QString SettingsPage::importFrom(const QByteArray& file) {
    const auto imported = app::importSettings(file, m_settings.values());
    if (!imported.ok())
        return app::sentence(imported.status());
    app::SettingsValues live = imported->values;
    for (SettingRow* row : std::as_const(m_rows)) {
        if (!reloads(row->spec()))
            continue;
        m_pending.insert(row->spec().id, row->spec().read(imported->values));
        row->spec().write(live, row->spec().read(m_settings.values()));
    }
    m_settings.set(live);
    showValues(Typed::Drop);
    QString sentence = tr("%n setting(s) changed.", nullptr, imported->changed);
    if (!imported->unknown.isEmpty())
        sentence +=
            QLatin1Char(' ') +
            tr("Not known here: %1.").arg(imported->unknown.mid(0, 8).join(QStringLiteral(", ")));
    return sentence;
}

void SettingsPage::importFromFile() {
    const QString path =
        QFileDialog::getOpenFileName(this, tr("Import settings"), {}, tr("Settings (*.json)"));
    if (path.isEmpty())
        return;
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        showNotice(tr("%1 cannot be read: %2.").arg(path, file.errorString()));
        return;
    }
    showNotice(importFrom(file.read(kMostImported_bytes + 1)));
}

void SettingsPage::exportToFile() {
    const QString path = QFileDialog::getSaveFileName(this, tr("Export settings"),
                                                      QStringLiteral("inglenook-settings.json"),
                                                      tr("Settings (*.json)"));
    if (path.isEmpty())
        return;
    QSaveFile file(path);
    const QByteArray bytes = app::exportSettings(m_settings.values());
    const bool ok =
        file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit();
    showNotice(ok ? tr("The settings were written to %1.").arg(path)
                  : tr("%1 cannot be written: %2.").arg(path, file.errorString()));
}

} // namespace ui

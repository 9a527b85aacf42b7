#include "ui/admin/server_page.h"

#include "app/settings.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/layouts.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kKeyRows = 4;
constexpr int kLogRows = 10;

QTableWidgetItem* cell(const QString& text) {
    auto* item = new QTableWidgetItem(text);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
}

QTableWidgetItem* figure(quint64 value) {
    auto* item = cell(QLocale().toString(value));
    item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    return item;
}

QPushButton* copyButton(const QString& text, std::function<QString()> what) {
    auto* button = new QPushButton(text);
    QObject::connect(button, &QPushButton::clicked, button,
                     [what = std::move(what)] { QGuiApplication::clipboard()->setText(what()); });
    return button;
}

} // namespace

ServerPage::ServerPage(app::ApiController& api, app::Settings& settings, QWidget* parent)
    : QWidget(parent),
      m_api(api),
      m_settings(settings),
      m_rows(new QVBoxLayout),
      m_switch(new QCheckBox(tr("Let other programs use the models"))),
      m_state(new QLabel),
      m_host(new QComboBox),
      m_port(new QSpinBox),
      m_keyName(new QLineEdit),
      m_newKeyRow(new QWidget),
      m_newKey(new QLineEdit),
      m_revoke(new QPushButton(tr("Revoke"))),
      m_example(new QLabel) {
    auto* title = new QLabel(tr("Server"));
    title->setProperty("role", "display");
    auto* what = new QLabel(tr("Programs that speak OpenAI's protocol can ask the models of this "
                               "computer. Nothing leaves it."));
    what->setProperty("role", "muted");
    what->setWordWrap(true);
    m_rows->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kWide);
    m_rows->setSpacing(space::kSmall);
    m_rows->addWidget(title);
    m_rows->addWidget(what);
    addSwitch();
    addAddress();
    addKeys();
    addExample();
    addLog();
    m_rows->addStretch(1);

    auto* column = new QWidget;
    column->setMaximumWidth(760);
    column->setLayout(m_rows);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(scrolledColumn(column));

    connect(&m_api, &app::ApiController::stateChanged, this, &ServerPage::showState);
    connect(&m_api, &app::ApiController::keysChanged, this, &ServerPage::showKeys);
    connect(&m_api, &app::ApiController::keyCreated, this, &ServerPage::showNewKey);
    connect(&m_api, &app::ApiController::requestsAnswered, this, &ServerPage::showRequests);
    connect(&m_api, &app::ApiController::failed, m_state, &QLabel::setText);
    connect(&m_settings, &app::Settings::changed, this, &ServerPage::showAddress);
    showState(m_api.state());
    showKeys(m_api.keys());
}

void ServerPage::addHeading(const QString& title) {
    auto* label = new QLabel(title);
    label->setProperty("role", "title");
    label->setContentsMargins(0, space::kWide, 0, space::kHair);
    m_rows->addWidget(label);
}

void ServerPage::addSwitch() {
    m_switch->setObjectName(QStringLiteral("api-switch"));
    m_state->setTextFormat(Qt::PlainText);
    m_state->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_state->setWordWrap(true);
    m_rows->addSpacing(space::kMedium);
    m_rows->addWidget(m_switch);
    m_rows->addWidget(m_state);
    connect(m_switch, &QCheckBox::clicked, &m_api, &app::ApiController::setEnabled);
}

void ServerPage::addAddress() {
    addHeading(tr("Address"));
    m_host->addItem(tr("This computer only (127.0.0.1)"), QStringLiteral("127.0.0.1"));
    m_host->addItem(tr("Every computer in the network (0.0.0.0)"), QStringLiteral("0.0.0.0"));
    m_host->setAccessibleName(tr("Who can reach the server"));
    m_port->setRange(0, 65535);
    m_port->setSpecialValueText(tr("any free one"));
    m_port->setAccessibleName(tr("Port"));
    m_port->setKeyboardTracking(false);
    auto* portLabel = new QLabel(tr("Port"));
    portLabel->setBuddy(m_port);
    m_rows->addLayout(rowOf({m_host, portLabel, m_port}));
    showAddress();
    connect(m_host, &QComboBox::activated, this, &ServerPage::changeAddress);
    connect(m_port, &QSpinBox::valueChanged, this, &ServerPage::changeAddress);
}

void ServerPage::addKeys() {
    addHeading(tr("Keys"));
    auto* what = new QLabel(tr("With a key, every request needs one. Beyond this computer the "
                               "server listens only when there is one."));
    what->setProperty("role", "muted");
    what->setWordWrap(true);
    m_rows->addWidget(what);
    m_keyName->setPlaceholderText(tr("What the key is for"));
    m_keyName->setAccessibleName(tr("What the key is for"));
    m_keyName->setMaxLength(64);
    auto* create = new QPushButton(tr("New key"));
    create->setObjectName(QStringLiteral("api-new-key"));
    m_rows->addLayout(rowOf({m_keyName, create, m_revoke}));

    m_newKey->setReadOnly(true);
    m_newKey->setObjectName(QStringLiteral("api-key-text"));
    m_newKey->setAccessibleName(tr("The new key"));
    m_newKey->setMinimumWidth(420);
    auto* once = new QLabel(tr("Copy it now: it is not shown again."));
    auto* newKeyLayout = new QVBoxLayout(m_newKeyRow);
    newKeyLayout->setContentsMargins(0, 0, 0, 0);
    newKeyLayout->addWidget(once);
    newKeyLayout->addLayout(
        rowOf({m_newKey, copyButton(tr("Copy the key"), [this] { return m_newKey->text(); })}));
    m_newKeyRow->hide();
    m_rows->addWidget(m_newKeyRow);

    m_keys = addTable(tr("Keys"),
                      {tr("Name"), tr("Begins with"), tr("Last used"), tr("Requests"),
                       tr("Tokens in"), tr("Tokens out")},
                      kKeyRows, tr("No key yet: programs on this computer need none."));
    connect(create, &QPushButton::clicked, this, &ServerPage::createKey);
    connect(m_keyName, &QLineEdit::returnPressed, this, &ServerPage::createKey);
    connect(m_revoke, &QPushButton::clicked, this, &ServerPage::revokeChosenKey);
}

void ServerPage::addExample() {
    addHeading(tr("Example"));
    m_example->setTextFormat(Qt::PlainText);
    m_example->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_example->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_example->setWordWrap(true);
    m_rows->addWidget(m_example);
    m_rows->addLayout(
        rowOf({copyButton(tr("Copy the example"), [this] { return m_example->text(); })}));
}

void ServerPage::addLog() {
    addHeading(tr("Last requests"));
    m_log = addTable(tr("Last requests"),
                     {tr("Time"), tr("Client"), tr("Request"), tr("Status"), tr("ms"),
                      tr("Tokens in"), tr("Tokens out")},
                     kLogRows, tr("No program has asked yet."));
}

ServerPage::Table ServerPage::addTable(const QString& name, const QStringList& columns, int rows,
                                       const QString& nothingYet) {
    auto* table = new QTableWidget(0, int(columns.size()));
    table->setAccessibleName(name);
    table->setHorizontalHeaderLabels(columns);
    table->verticalHeader()->hide();
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setSelectionMode(QAbstractItemView::SingleSelection);
    table->setShowGrid(false);
    table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    table->horizontalHeader()->setStretchLastSection(true);
    table->setMinimumHeight(rows * table->verticalHeader()->defaultSectionSize());
    auto* empty = new QLabel(nothingYet);
    empty->setProperty("role", "muted");
    empty->setWordWrap(true);
    m_rows->addWidget(table);
    m_rows->addWidget(empty);
    table->hide();
    return {table, empty};
}

void ServerPage::Table::showWhatThereIs() const {
    rows->setVisible(rows->rowCount() > 0);
    nothingYet->setVisible(rows->rowCount() == 0);
}

void ServerPage::showState(const app::ApiState& state) {
    const bool listening = state.phase == app::ApiPhase::Listening;
    m_switch->setChecked(listening);
    QString text = tr("Off.");
    if (listening && state.isLocal)
        text = tr("Listening on %1, for this computer.").arg(state.url);
    else if (listening)
        text = tr("Listening on %1, for every computer that can reach it.").arg(state.url);
    m_state->setText(text);
    const QString url =
        listening ? state.url
                  : QStringLiteral("http://127.0.0.1:%1").arg(m_settings.values().apiPort);
    const QString key =
        state.asksKey ? QStringLiteral(" \\\n  -H \"Authorization: Bearer $KEY\"") : QString();
    m_example->setText(
        QStringLiteral("curl %1/v1/chat/completions%2 \\\n  -H \"Content-Type: application/json\" "
                       "\\\n  -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'")
            .arg(url, key));
}

void ServerPage::showKeys(const QList<app::ApiKeyValue>& keys) {
    const int chosen = m_keys.rows->currentRow();
    m_keys.rows->setRowCount(int(keys.size()));
    for (int row = 0; row < keys.size(); ++row) {
        const app::ApiKeyValue& key = keys.at(row);
        auto* name = cell(key.name);
        name->setData(Qt::UserRole, key.id);
        m_keys.rows->setItem(row, 0, name);
        m_keys.rows->setItem(row, 1, cell(QStringLiteral("ink-") + key.id));
        m_keys.rows->setItem(
            row, 2,
            cell(key.lastUsed.isValid()
                     ? QLocale().toString(key.lastUsed.toLocalTime(), QLocale::ShortFormat)
                     : tr("never")));
        m_keys.rows->setItem(row, 3, figure(key.requests));
        m_keys.rows->setItem(row, 4, figure(key.promptTokens));
        m_keys.rows->setItem(row, 5, figure(key.generatedTokens));
    }
    if (chosen >= 0 && chosen < keys.size())
        m_keys.rows->selectRow(chosen);
    m_revoke->setEnabled(!keys.isEmpty());
    m_keys.showWhatThereIs();
}

void ServerPage::showNewKey(const QString&, const QString& key) {
    m_newKey->setText(key);
    m_newKeyRow->show();
    m_newKey->setFocus();
    m_newKey->selectAll();
}

void ServerPage::showRequests(const QList<app::ApiLogValue>& entries) {
    for (const app::ApiLogValue& entry : entries) {
        m_log.rows->insertRow(0);
        m_log.rows->setItem(0, 0, cell(entry.time.toString(QStringLiteral("HH:mm:ss"))));
        m_log.rows->setItem(0, 1, cell(clientText(entry.client)));
        m_log.rows->setItem(0, 2, cell(entry.method + QLatin1Char(' ') + entry.path));
        const QString cached = entry.fromCache ? tr(" (from the cache)") : QString();
        m_log.rows->setItem(0, 3, cell(QString::number(entry.status) + cached));
        m_log.rows->setItem(0, 4, figure(quint64(entry.duration_ms)));
        m_log.rows->setItem(0, 5, figure(entry.promptTokens));
        m_log.rows->setItem(0, 6, figure(entry.generatedTokens));
    }
    while (m_log.rows->rowCount() > app::ApiController::kLogLines)
        m_log.rows->removeRow(m_log.rows->rowCount() - 1);
    m_log.showWhatThereIs();
}

void ServerPage::showAddress() {
    const app::SettingsValues& now = m_settings.values();
    const QSignalBlocker quiet(m_port);
    if (m_host->findData(now.apiHost) < 0)
        m_host->addItem(now.apiHost, now.apiHost);
    m_host->setCurrentIndex(m_host->findData(now.apiHost));
    m_port->setValue(now.apiPort);
}

void ServerPage::changeAddress() {
    app::SettingsValues values = m_settings.values();
    values.apiHost = m_host->currentData().toString();
    values.apiPort = m_port->value();
    m_settings.set(values); // it moves there when it listens
    showState(m_api.state());
}

void ServerPage::createKey() {
    const QString name = m_keyName->text().trimmed();
    m_api.createKey(name.isEmpty() ? tr("Key") : name);
    m_keyName->clear();
}

void ServerPage::revokeChosenKey() {
    if (const QTableWidgetItem* chosen = m_keys.rows->item(m_keys.rows->currentRow(), 0)) {
        m_newKeyRow->hide();
        m_newKey->clear();
        m_api.revokeKey(chosen->data(Qt::UserRole).toString());
    }
}

} // namespace ui

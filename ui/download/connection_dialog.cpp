#include "ui/download/connection_dialog.h"

#include "app/download/download_controller.h"
#include "app/settings.h"
#include "ui/download/download_text.h"
#include "ui/theme.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kLeastWidth = 520;

QString& endpointOf(app::DownloadValues& values, app::HubKind hub) {
    switch (hub) {
    case app::HubKind::HfMirror:
        return values.hfMirror;
    case app::HubKind::ModelScope:
        return values.modelScope;
    case app::HubKind::HuggingFace:
    case app::HubKind::Address:
        break;
    }
    return values.huggingFace;
}

} // namespace

ConnectionDialog::ConnectionDialog(app::DownloadController& downloads, app::Settings& settings,
                                   QWidget* parent)
    : QDialog(parent),
      m_downloads(downloads),
      m_settings(settings),
      m_hub(downloads.hub()),
      m_endpoint(new QLineEdit),
      m_token(new QLineEdit),
      m_proxy(new QLineEdit),
      m_password(new QLineEdit),
      m_limit(new QSpinBox),
      m_kept(new QSpinBox),
      m_problem(new QLabel) {
    setWindowTitle(tr("Connection for downloads"));
    setMinimumWidth(kLeastWidth);
    prepareFields();
    m_problem->setTextFormat(Qt::PlainText);
    m_problem->setWordWrap(true);
    m_problem->setObjectName(QStringLiteral("connection-problem"));
    m_problem->hide();
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
    QPushButton* save = buttons->button(QDialogButtonBox::Save);
    save->setText(tr("Save"));
    save->setProperty("role", "primary");
    buttons->button(QDialogButtonBox::Cancel)->setText(tr("Cancel"));
    connect(buttons, &QDialogButtonBox::accepted, this, &ConnectionDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &ConnectionDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kLarge);
    column->setSpacing(space::kMedium);
    column->addLayout(makeForm());
    column->addWidget(m_problem);
    column->addWidget(buttons);
}

void ConnectionDialog::prepareFields() {
    app::DownloadValues now = m_settings.values().downloads;
    m_endpoint->setObjectName(QStringLiteral("endpoint"));
    m_endpoint->setText(endpointOf(now, m_hub));
    m_endpoint->setPlaceholderText(app::defaultEndpoint(m_hub));
    m_token->setObjectName(QStringLiteral("token"));
    m_token->setEchoMode(QLineEdit::Password);
    m_token->setPlaceholderText(tr("as it is"));
    m_proxy->setObjectName(QStringLiteral("proxy"));
    m_proxy->setText(now.proxy);
    m_proxy->setPlaceholderText(tr("as the system; “none” for none"));
    m_password->setEchoMode(QLineEdit::Password);
    m_password->setPlaceholderText(tr("as it is"));
    m_limit->setRange(0, 10'000'000);
    m_limit->setSingleStep(500);
    m_limit->setSpecialValueText(tr("as fast as it comes"));
    m_limit->setSuffix(tr(" kB/s"));
    m_limit->setValue(now.limit_kb_s);
    m_kept->setRange(2, 20);
    m_kept->setValue(now.keptVersions);
}

QFormLayout* ConnectionDialog::makeForm() {
    auto* form = new QFormLayout;
    form->setVerticalSpacing(space::kMedium);
    if (m_hub != app::HubKind::Address) { // an address names its server itself, and gets no token
        addRow(form, tr("Server of %1").arg(hubName(m_hub)),
               tr("Empty is the hub's own. A company or a mirror may have another one."),
               m_endpoint);
        addRow(
            form, tr("Token for %1").arg(hubName(m_hub)),
            tr("Only for models that ask for it. It is kept in the desktop's keyring and sent to "
               "this server alone."),
            m_token);
    }
    addRow(form, tr("Proxy"), tr("http://host:port or socks5://host:port."), m_proxy);
    addRow(form, tr("Password of the proxy"), tr("Kept in the desktop's keyring."), m_password);
    addRow(form, tr("Highest speed"), tr("Leaves room for other programs."), m_limit);
    addRow(form, tr("Older versions"),
           tr("So many stay when a model is updated; one click goes back."), m_kept);
    return form;
}

void ConnectionDialog::addRow(QFormLayout* form, const QString& name, const QString& what,
                              QWidget* control) {
    control->setAccessibleName(name);
    control->setAccessibleDescription(what);
    auto* cell = new QVBoxLayout;
    cell->setSpacing(2);
    cell->addWidget(control);
    auto* about = new QLabel(what);
    about->setProperty("role", "muted");
    about->setWordWrap(true);
    cell->addWidget(about);
    auto* label = new QLabel(name);
    label->setBuddy(control);
    form->addRow(label, cell);
}

void ConnectionDialog::accept() {
    app::SettingsValues values = m_settings.values();
    if (m_hub != app::HubKind::Address)
        endpointOf(values.downloads, m_hub) = m_endpoint->text().trimmed();
    values.downloads.proxy = m_proxy->text().trimmed();
    values.downloads.limit_kb_s = m_limit->value();
    values.downloads.keptVersions = m_kept->value();
    const QString problem = app::DownloadController::problemOf(values.downloads);
    if (!problem.isEmpty()) {
        m_problem->setText(problem);
        m_problem->show();
        return;
    }
    m_settings.set(values);
    if (!m_token->text().isEmpty())
        m_downloads.setToken(m_hub, m_token->text());
    if (!m_password->text().isEmpty())
        m_downloads.setProxyPassword(m_password->text());
    QDialog::accept();
}

} // namespace ui

#include "ui/tray.h"

#include "ui/actions.h"

#include <QIcon>

namespace ui {

Tray::Tray(QObject* parent) : QObject(parent) {
    m_menu.addAction(tr("Open Inglenook"), this, &Tray::openRequested);
    m_menu.addAction(actionSpec(ActionId::NewChat).text, this, &Tray::newChatRequested);
    m_menu.addSeparator();
    m_menu.addAction(actionSpec(ActionId::Quit).text, this, &Tray::quitRequested);
    m_icon.setIcon(QIcon(QStringLiteral(":/icons/inglenook.svg")));
    m_icon.setContextMenu(&m_menu);
    connect(&m_icon, &QSystemTrayIcon::activated, this,
            [this](QSystemTrayIcon::ActivationReason reason) {
                if (reason != QSystemTrayIcon::Context)
                    emit openRequested();
            });
    connect(&m_icon, &QSystemTrayIcon::messageClicked, this, &Tray::openRequested);
    showBusy(0);
    m_icon.show();
}

void Tray::showBusy(int chats) {
    m_icon.setToolTip(chats == 0 ? QStringLiteral("Inglenook")
                                 : tr("Inglenook: %n chat(s) answering", nullptr, chats));
}

void Tray::announce() {
    if (m_announced)
        return;
    m_announced = true;
    m_icon.showMessage(QStringLiteral("Inglenook"),
                       tr("The answers go on here. A click opens the window again."),
                       QSystemTrayIcon::Information, 5000);
}

} // namespace ui
